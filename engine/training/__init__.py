"""Data on the device, schedules, and a trainer one reads in a sitting."""
