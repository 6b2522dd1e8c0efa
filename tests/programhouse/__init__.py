"""Programs that tests start: `lanline` as a process of its own, without the time that loading it takes each time."""
