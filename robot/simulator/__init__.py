"""A FreeSWITCH to try the robot against: event socket, audio streams and virtual callees, on real ports."""
