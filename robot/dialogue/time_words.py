"""The words for times in English and French as `robot.dialogue.words` reads them: no accents, no apostrophes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

DAY_MINUTES: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class TimeWords:
    """Words, or several of them with blanks between, to what they stand for. Minutes are of the day, or of a span.

    days: days from today. parts: of the day, from and to. this: makes the part after it one of today. spans: how long
    from now, with or without `in_`; units: minutes of what a number stands before. before_hour: minutes from the hour
    that follows; after_hour: from the hour that it follows. shown: words that make a number before them an hour.
    one: articles that are numbers, too. announced: words that a time of day comes after; begun: of them those after
    which hardly anything else comes behind a day; no_hour: what does. week_on: beside a weekday, the next but one.
    """

    days: Mapping[str, int]
    weekdays: Mapping[str, int]
    months: Mapping[str, int]
    parts: Mapping[str, tuple[int, int]]
    this: frozenset[str]
    spans: Mapping[str, int]
    units: Mapping[str, int]
    in_: frozenset[str]
    one: frozenset[str]
    weeks: Mapping[str, int]
    week_on: frozenset[str]
    weekend: frozenset[str]
    later: frozenset[str]
    shown: frozenset[str]
    before_hour: Mapping[str, int]
    after_hour: Mapping[str, int]
    noon: Mapping[str, int]
    morning: frozenset[str]
    afternoon: frozenset[str]
    announced: frozenset[str]
    begun: frozenset[str]
    no_hour: frozenset[str]
    about: frozenset[str]
    after: frozenset[str]
    until: frozenset[str]
    between: frozenset[str]
    and_: frozenset[str]


def _numbered(names: str, first: int = 0) -> dict[str, int]:
    return {name: number for number, name in enumerate(names.split(), first)}


ENGLISH: Final = TimeWords(
    days={"the day after tomorrow": 2, "day after tomorrow": 2, "today": 0, "tomorrow": 1},
    weekdays=_numbered("monday tuesday wednesday thursday friday saturday sunday")
    | _numbered("mondays tuesdays wednesdays thursdays fridays saturdays sundays"),
    months=_numbered("january february march april may june july august september october november december", 1),
    parts={
        "early morning": (480, 600), "early in the morning": (480, 600), "late morning": (630, 720),
        "morning": (480, 720), "lunchtime": (720, 840), "lunch time": (720, 840), "after lunch": (810, 900),
        "early afternoon": (780, 900), "late afternoon": (960, 1080), "afternoon": (780, 1080),
        "early evening": (1050, 1170), "evening": (1080, 1260), "tonight": (1080, 1260), "night": (1080, 1260),
        "after work": (1050, 1230), "after dinner": (1170, 1260), "end of the day": (960, 1110),
    },
    this=frozenset({"this", "tonight"}),
    spans={
        "half an hour": 30, "half hour": 30, "quarter of an hour": 15, "an hour and a half": 90,
        "couple of minutes": 5, "few minutes": 10, "couple of hours": 120, "few hours": 180,
        "couple of days": 2 * DAY_MINUTES, "few days": 3 * DAY_MINUTES, "a fortnight": 14 * DAY_MINUTES,
    },
    units={
        "minute": 1, "minutes": 1, "hour": 60, "hours": 60, "day": DAY_MINUTES, "days": DAY_MINUTES,
        "week": 7 * DAY_MINUTES, "weeks": 7 * DAY_MINUTES,
    },
    in_=frozenset({"in", "within"}),
    one=frozenset({"a", "an"}),
    weeks={"the week after next": 2, "week after next": 2, "next week": 1},
    week_on=frozenset({"a week on", "week on", "week"}),
    weekend=frozenset({"weekend", "week end"}),
    later=frozenset({"later", "another time", "some other time"}),
    shown=frozenset({"oclock", "o clock", "h"}),
    before_hour={
        "half past": 30, "quarter past": 15, "quarter after": 15, "quarter to": -15, "quarter of": -15, "half": 30,
    },
    after_hour={},
    noon={"noon": 720, "midday": 720, "midnight": 0},
    morning=frozenset({"am", "a m"}),
    afternoon=frozenset({"pm", "p m"}),
    announced=frozenset({"at", "by"}),
    begun=frozenset({"at", "around"}),
    no_hour=frozenset({
        "the", "a", "an", "my", "your", "his", "her", "our", "their", "this", "that", "any", "some", "what", "home",
        "work", "school", "least", "best", "all", "first", "once", "here", "there", "lunch", "dinner",
    }),
    about=frozenset({"around", "about", "towards", "roughly"}),
    after=frozenset({"after", "from", "not before"}),
    until=frozenset({"before", "until", "till"}),
    between=frozenset({"between", "from"}),
    and_=frozenset({"and", "to", "till", "until"}),
)  # fmt: skip

FRENCH: Final = TimeWords(
    days={"apres demain": 2, "aujourd hui": 0, "demain": 1, "de main": 1},
    weekdays=_numbered("lundi mardi mercredi jeudi vendredi samedi dimanche"),
    months=_numbered("janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre", 1),
    parts={
        "debut de matinee": (480, 600), "fin de matinee": (630, 720), "matinee": (480, 720), "matin": (480, 720),
        "heure du dejeuner": (720, 840), "entre midi et deux": (720, 840), "debut d apres midi": (780, 900),
        "fin d apres midi": (960, 1080), "apres midi": (780, 1080), "fin de journee": (1020, 1170),
        "debut de soiree": (1050, 1170), "soiree": (1080, 1260), "soir": (1080, 1260), "nuit": (1080, 1260),
        "apres le travail": (1050, 1230), "apres le boulot": (1050, 1230), "apres diner": (1170, 1260),
    },
    this=frozenset({"ce", "cet", "cette", "se", "ces"}),  # "se soir", as it is heard
    spans={
        "une demi heure": 30, "demi heure": 30, "un quart d heure": 15, "quart d heure": 15,
        "une heure et demie": 90, "trois quarts d heure": 45, "une petite heure": 60, "quelques minutes": 10,
        "quelques heures": 180, "quelques jours": 3 * DAY_MINUTES, "une quinzaine": 14 * DAY_MINUTES,
    },
    units={
        "minute": 1, "minutes": 1, "heure": 60, "heures": 60, "h": 60, "jour": DAY_MINUTES, "jours": DAY_MINUTES,
        "semaine": 7 * DAY_MINUTES, "semaines": 7 * DAY_MINUTES,
    },
    in_=frozenset({"dans", "d ici"}),
    one=frozenset({"un", "une"}),
    weeks={"semaine prochaine": 1, "semaine d apres": 1, "semaine suivante": 1},
    week_on=frozenset({"en 8"}),
    weekend=frozenset({"week end", "weekend"}),
    later=frozenset({"plus tard", "ulterieurement", "une autre fois"}),
    shown=frozenset({"h", "heures", "heure"}),
    before_hour={},
    after_hour={"et demie": 30, "et demi": 30, "et quart": 15, "moins le quart": -15, "moins 20": -20, "moins 10": -10,
                "moins 5": -5, "moins 25": -25},
    noon={"midi": 720, "minuit": 0},
    morning=frozenset({"du matin"}),
    afternoon=frozenset({"du soir", "de l apres midi"}),
    announced=frozenset({"a", "pour"}),
    begun=frozenset({"a", "vers"}),
    no_hour=frozenset({
        "l", "la", "le", "les", "mon", "ma", "mes", "votre", "vos", "notre", "nos", "son", "sa", "ses", "ce", "cet",
        "cette", "n", "peu", "partir", "bientot", "plus", "tout", "quelle", "quel", "domicile", "chez", "condition",
        "nouveau", "priori", "table", "moi", "vous",
    }),
    about=frozenset({"vers", "autour de", "aux alentours de", "environ"}),
    after=frozenset({"apres", "a partir de", "pas avant", "des"}),
    until=frozenset({"avant", "jusqu a"}),
    between=frozenset({"entre", "de"}),
    and_=frozenset({"et", "a"}),
)  # fmt: skip

TIME_WORDS: Final = {"en": ENGLISH, "fr": FRENCH}
