"""What Prefect deploys: compose tasks, nothing else."""

# For its side: the defaults of Prefect's settings, before Prefect is imported.
import tasks as tasks
