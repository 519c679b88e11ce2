"""Parameter files of SPAN-type margin from rate histories and from exchanges' risk parameter files."""
