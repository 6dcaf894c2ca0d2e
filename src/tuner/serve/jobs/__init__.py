"""The jobs of the service: each is one command in a process of its own.

They are in a `queue` with `leases`; `holding` locks a job, `turns` chooses the next one, and
`seats` gives it GPUs. The `supervisor` runs its `job_command` in a `process`, which is a `child`,
and reads its `logs`. The `outcome` of a process decides what becomes of its job.
"""
