"""Rigs for system tests: the real binaries and real peers, each in a temporary directory, on
loopback, bounded in time. A rig stops only processes that it started, by pid."""
