"""Many tasks on many workers: processes of this machine, actors of Ray, jobs of a Slurm queue."""
