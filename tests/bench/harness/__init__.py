"""The parts of tests/bench/run: servers side by side, what is measured of them, and how it is shown."""
