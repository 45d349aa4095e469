"""What people publish: functions, datasets and files."""
