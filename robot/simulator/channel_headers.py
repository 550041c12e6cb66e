"""The headers of a channel's events: those that clients read, and the many that a real FreeSWITCH sends beside them.

Real events of a call are 3.5 KB (CHANNEL_CREATE) to 9.8 KB (CHANNEL_DESTROY); a client measured against events of
half that size would look twice as fast as it is. So the SIP and RTP variables are here too, with values of our own.
"""

from __future__ import annotations

import time
from typing import Final

Pairs = list[tuple[str, str]]

# Q.850 numbers of the causes that a simulated call can end with (`variable_hangup_cause_q850`).
Q850: Final = {
    "UNALLOCATED_NUMBER": 1,
    "NO_ROUTE_DESTINATION": 3,
    "NORMAL_CLEARING": 16,
    "USER_BUSY": 17,
    "NO_USER_RESPONSE": 18,
    "NO_ANSWER": 19,
    "SUBSCRIBER_ABSENT": 20,
    "CALL_REJECTED": 21,
    "NORMAL_TEMPORARY_FAILURE": 41,
    "RECOVERY_ON_TIMER_EXPIRE": 102,
    "ALLOTTED_TIMEOUT": 602,
    "LOSE_RACE": 502,
    "SYSTEM_SHUTDOWN": 601,
    "ORIGINATOR_CANCEL": 487,
}

_CODEC: Final = (
    ("Name", "PCMU"),
    ("Rate", "8000"),
    ("Bit-Rate", "64000"),
)
_CODECS: Final = [(f"Channel-{way}-Codec-{name}", value) for way in ("Read", "Write") for name, value in _CODEC]


def stamp(us: int) -> str:
    """Microseconds since 1970 as FreeSWITCH writes local times."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(us / 1_000_000)) if us else ""


def codec_headers() -> Pairs:
    return _CODECS


def caller_headers(
    uuid: str, number: str, *, caller: tuple[str, str], flipped: bool, reached: bool, times: dict[str, int]
) -> Pairs:
    """`caller`: name and number given to originate. Once the call runs an application FreeSWITCH swaps both ends
    (`flipped`): Caller-Caller-ID is the callee then. `reached`: the far end has answered something."""
    name, calling = caller
    callee_name = number if reached else "Outbound Call"
    near, far = ((name, calling), (callee_name, number))
    shown, other = ((number, number), (name, calling)) if flipped else (near, far)
    pairs = [
        ("Caller-Direction", "outbound"),
        ("Caller-Logical-Direction", "outbound"),
        ("Caller-Caller-ID-Name", shown[0]),
        ("Caller-Caller-ID-Number", shown[1]),
        ("Caller-Orig-Caller-ID-Name", name),
        ("Caller-Orig-Caller-ID-Number", calling),
        ("Caller-Callee-ID-Name", other[0]),
        ("Caller-Callee-ID-Number", other[1]),
        ("Caller-Network-Addr", "127.0.0.1" if reached else ""),
        ("Caller-ANI", calling),
        ("Caller-Destination-Number", number),
        ("Caller-Unique-ID", uuid),
        ("Caller-Source", "src/switch_ivr_originate.c"),
        ("Caller-Context", "default"),
        ("Caller-Channel-Name", f"sofia/internal/{number}"),
        ("Caller-Profile-Index", "1"),
        ("Caller-Profile-Created-Time", str(times["Created"])),
    ]
    pairs += [(f"Caller-Channel-{name}-Time", str(us)) for name, us in times.items()]
    pairs += [
        ("Caller-Channel-Last-Hold", "0"),
        ("Caller-Channel-Hold-Accum", "0"),
        ("Caller-Screen-Bit", "true"),
        ("Caller-Privacy-Hide-Name", "false"),
        ("Caller-Privacy-Hide-Number", "false"),
    ]
    return [(header, value) for header, value in pairs if value]


def created_variables(uuid: str, number: str, session: int) -> dict[str, str]:
    """What a channel has before anything was sent to the gateway."""
    return {
        "direction": "outbound",
        "is_outbound": "true",
        "uuid": uuid,
        "call_uuid": uuid,
        "session_id": str(session),
        "video_media_flow": "disabled",
        "text_media_flow": "disabled",
        "channel_name": f"sofia/internal/{number}",
    }


def originated_variables(port: int) -> dict[str, str]:
    """What originate adds."""
    return {
        "originate_early_media": "false",
        "originate_endpoint": "sofia",
        "local_media_ip": "127.0.0.1",
        "local_media_port": str(port),
        "advertised_media_ip": "127.0.0.1",
        "audio_media_flow": "sendrecv",
        "sofia_profile_name": "internal",
        "recovery_profile_name": "internal",
        "sofia_profile_url": "sip:mod_sofia@127.0.0.1:5060",
        "rtp_local_sdp_str": _sdp(port, "0 8 101 13"),
    }


def invited_variables(number: str, gateway: str, call_id: str) -> dict[str, str]:
    """What the gateway's first answer adds."""
    via = "SIP/2.0/UDP 127.0.0.1;rport=5060;branch=z9hG4bK" + call_id[:12]
    return {
        "sip_gateway_name": gateway,
        "sip_profile_name": "gateway",
        "sip_destination_url": f"sip:{number}@127.0.0.1:5080",
        "sip_outgoing_contact_uri": f"<sip:gw+{gateway}@127.0.0.1:5060;transport=udp;gw={gateway}>",
        "sip_req_uri": f"{number}@127.0.0.1:5080",
        "sip_local_network_addr": "127.0.0.1",
        "sip_reply_host": "127.0.0.1",
        "sip_reply_port": "5080",
        "sip_network_ip": "127.0.0.1",
        "sip_network_port": "5080",
        "sip_user_agent": "freeswitch-robot simulator",
        "sip_allow": "INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, INFO, UPDATE, REGISTER, REFER, NOTIFY",
        "sip_recover_contact": f"<sip:{number}@127.0.0.1:5080;transport=udp>",
        "sip_full_via": via,
        "sip_recover_via": via,
        "sip_full_from": f'"" <sip:x@127.0.0.1:5080>;tag={call_id[:13]}',
        "sip_full_to": f"<sip:{number}@127.0.0.1:5080>;tag={call_id[-12:]}",
        "sip_from_user": "x",
        "sip_from_port": "5080",
        "sip_from_uri": "x@127.0.0.1:5080",
        "sip_from_host": "127.0.0.1",
        "sip_to_user": number,
        "sip_to_port": "5080",
        "sip_to_uri": f"{number}@127.0.0.1:5080",
        "sip_to_host": "127.0.0.1",
        "sip_to_tag": call_id[-12:],
        "sip_from_tag": call_id[:13],
        "sip_cseq": "123060752",
        "sip_call_id": call_id,
        "rtp_use_codec_string": "PCMU,PCMA",
    }


def media_variables(port: int) -> dict[str, str]:
    """What an answer, or early media, adds."""
    return {
        "sip_contact_params": "transport=udp",
        "sip_contact_port": "5080",
        "sip_contact_host": "127.0.0.1",
        "switch_r_sdp": _sdp(port + 2, "0 101 13"),
        "ep_codec_string": "CORE_PCM_MODULE.PCMU@8000h@20i@64000b",
        "remote_video_media_flow": "inactive",
        "remote_text_media_flow": "inactive",
        "remote_audio_media_flow": "sendrecv",
        "rtp_audio_recv_pt": "0",
        "rtp_use_codec_name": "PCMU",
        "rtp_use_codec_rate": "8000",
        "rtp_use_codec_ptime": "20",
        "rtp_use_codec_channels": "1",
        "rtp_last_audio_codec_string": "PCMU@8000h@20i@1c",
        "read_codec": "PCMU",
        "original_read_codec": "PCMU",
        "read_rate": "8000",
        "original_read_rate": "8000",
        "write_codec": "PCMU",
        "write_rate": "8000",
        "dtmf_type": "rfc2833",
        "rtp_use_timer_name": "soft",
        "rtp_use_pt": "0",
        "rtp_use_ssrc": "3003844089",
        "rtp_2833_send_payload": "101",
        "rtp_2833_recv_payload": "101",
        "remote_media_ip": "127.0.0.1",
        "remote_media_port": str(port + 2),
    }


def _sdp(port: int, formats: str) -> str:
    maps = {"0": "PCMU/8000", "8": "PCMA/8000", "101": "telephone-event/8000", "13": "CN/8000"}
    lines = ["v=0", "o=FreeSWITCH 1795204687 1795204688 IN IP4 127.0.0.1", "s=FreeSWITCH", "c=IN IP4 127.0.0.1"]
    lines += ["t=0 0", f"m=audio {port} RTP/AVP {formats}"]
    lines += [f"a=rtpmap:{number} {maps[number]}" for number in formats.split()]
    lines += ["a=fmtp:101 0-15", "a=ptime:20", "a=sendrecv"]
    return "".join(f"{line}\r\n" for line in lines)


def reporting_variables(
    cause: str, times: dict[str, int], *, frames: int, by_callee: bool, last: tuple[str, str]
) -> dict[str, str]:
    """What CHANNEL_HANGUP_COMPLETE tells about the whole call. `times` in microseconds since 1970, 0 for never."""
    start, answer, end = times["Created"], times["Answered"], times["Hangup"]
    progress, early = times["Progress"], times["Progress-Media"]
    variables = {
        "hangup_cause": cause,
        "hangup_cause_q850": str(Q850.get(cause, 16)),
        "digits_dialed": "none",
        "start_stamp": stamp(start),
        "profile_start_stamp": stamp(start),
        "answer_stamp": stamp(answer),
        "end_stamp": stamp(end),
    }
    moments = {"start": start, "profile_start": start, "answer": answer, "bridge": 0, "last_hold": 0}
    moments |= {"resurrect": 0, "progress": progress, "progress_media": early, "end": end}
    for name, us in moments.items():
        variables |= {f"{name}_epoch": str(us // 1_000_000), f"{name}_uepoch": str(us)}
    variables |= {"hold_accum_seconds": "0", "hold_accum_usec": "0", "hold_accum_ms": "0"}
    if last[0]:
        variables |= {"last_app": last[0], "last_arg": last[1]}
    talked = end - answer if answer else 0
    spans = {"duration": end - start, "bill": talked, "progress": _since(progress, start)}
    spans |= {
        "answer": _since(answer, start),
        "wait": 0,
        "progress_media": _since(early, start),
        "flow_bill": end - start,
    }
    for name, us in spans.items():
        second, milli, micro = _SPAN_NAMES.get(name, (f"{name}sec", f"{name}msec", f"{name}usec"))
        variables |= {second: str(round(us / 1_000_000)), milli: str(us // 1000), micro: str(us)}
    if not by_callee:
        variables["sip_hangup_disposition"] = "send_bye" if answer else "send_cancel"
    if answer:
        variables |= _rtp_statistics(frames)
    return {name: value for name, value in variables.items() if value}


_SPAN_NAMES: Final = {"duration": ("duration", "mduration", "uduration")}


def _since(us: int, start: int) -> int:
    return us - start if us else 0


def _rtp_statistics(frames: int) -> dict[str, str]:
    statistics: dict[str, str] = {}
    for way in ("in", "out"):
        prefix = f"rtp_audio_{way}_"
        statistics |= {prefix + "raw_bytes": str(frames * 172), prefix + "media_bytes": str(frames * 172)}
        statistics |= {prefix + "packet_count": str(frames), prefix + "media_packet_count": str(frames)}
        statistics |= {prefix + f"{kind}_packet_count": "0" for kind in ("skip", "dtmf", "cng")}
    statistics |= {f"rtp_audio_in_{kind}_packet_count": "0" for kind in ("jitter", "flush")}
    statistics |= {f"rtp_audio_in_jitter_{kind}": "0.00" for kind in ("min_variance", "max_variance")}
    statistics |= {f"rtp_audio_in_jitter_{kind}": "0.00" for kind in ("loss_rate", "burst_rate")}
    statistics |= {"rtp_audio_in_largest_jb_size": "0", "rtp_audio_in_mean_interval": "20.00"}
    statistics |= {"rtp_audio_in_flaw_total": "0", "rtp_audio_in_quality_percentage": "100.00"}
    return statistics | {"rtp_audio_in_mos": "4.50", "rtp_audio_rtcp_packet_count": "0"}


def incoming_caller_headers(
    uuid: str,
    dialled: str,
    *,
    caller: tuple[str, str],
    channel_name: str,
    times: dict[str, int],
    prefix: str,
) -> Pairs:
    """Of a call that comes in. In the reply to `connect` the same comes a second time, as `Channel-...`."""
    name, number = caller
    pairs = [
        ("Direction", "inbound"),
        ("Logical-Direction", "inbound"),
        ("Username", number),
        ("Dialplan", "XML"),
        ("Caller-ID-Name", name),
        ("Caller-ID-Number", number),
        ("Orig-Caller-ID-Name", name),
        ("Orig-Caller-ID-Number", number),
        ("Network-Addr", "127.0.0.1"),
        ("ANI", number),
        ("Destination-Number", dialled),
        ("Unique-ID", uuid),
        ("Source", "mod_sofia"),
        ("Context", "public"),
        ("Channel-Name", channel_name),
        ("Profile-Index", "1"),
        ("Profile-Created-Time", str(times["Created"])),
    ]
    pairs += [(f"Channel-{moment}-Time", str(us)) for moment, us in times.items()]
    pairs += [("Channel-Last-Hold", "0"), ("Channel-Hold-Accum", "0"), ("Screen-Bit", "true")]
    pairs += [("Privacy-Hide-Name", "false"), ("Privacy-Hide-Number", "false")]
    return [(f"{prefix}-{header}", value) for header, value in pairs if value]


def incoming_variables(uuid: str, caller: str, dialled: str, session: int, port: int) -> dict[str, str]:
    """What a channel has that came in by SIP and runs its dialplan."""
    host = "127.0.0.1"
    return {
        "direction": "inbound",
        "uuid": uuid,
        "call_uuid": uuid,
        "session_id": str(session),
        "sip_from_user": caller,
        "sip_from_uri": f"{caller}@{host}",
        "sip_from_host": host,
        "sip_full_from": f"<sip:{caller}@{host}>;tag={uuid[:13]}",
        "sip_to_user": dialled,
        "sip_to_uri": f"{dialled}@{host}",
        "sip_to_host": host,
        "sip_full_to": f"<sip:{dialled}@{host}>",
        "sip_req_user": dialled,
        "sip_req_uri": f"{dialled}@{host}",
        "sip_req_host": host,
        "sip_call_id": uuid[::-1],
        "sip_network_ip": host,
        "sip_received_ip": host,
        "sip_via_protocol": "udp",
        "sip_user_agent": "freeswitch-robot simulator",
        "sofia_profile_name": "internal",
        "max_forwards": "70",
        "video_media_flow": "disabled",
        "text_media_flow": "disabled",
        "channel_name": f"sofia/internal/{caller}@{host}",
        "endpoint_disposition": "RECEIVED",
        "switch_r_sdp": _sdp(port + 2, "0 8 101 13"),
    }
