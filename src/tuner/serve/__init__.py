"""The service: studies submitted, watched and used in a browser and over HTTP.

The web process never trains and never runs a user's code. A study runs in a process of its own,
which the service starts, watches and asks to stop.

The modules by subject:

* The `service` as one value, and the `app` around it. A request comes through `connections`, the
  gate of `access` with its `tokens`, and `routing`; `problems` answer it where it fails, and a
  `bulkhead` keeps slow work apart. `api` has the routes for programs.
* Pages for people: `pages`, `newstudy`, `machine` and `hookpages`; `rendering` makes them, with
  `words`, `times` and `addresses`, in the language that `switching` finds.
* What people do: `actions`, noted as `acts`: `requests` that are checked, `continuing` a study,
  `chores`, `tidying`, `uploads` by `unpacking`, and `refusals`.
* What they see: `browsing`, with the `listing` of studies by their `summaries` and `searches`,
  `finding` one, `counting` all, `changes` and `events`; `comparing` studies, `proof` of a model,
  `forecasting` how long one takes, `outlining` a search space.
* What can be run: the `shelf` of cases, and the `datashelf`.
* Jobs: a `queue` with `leases`; `holding` locks one, `turns` says which is next, and `seats` which
  card it gets. The `supervisor` runs its `job_command` in a `process`, which is a `child`, and
  reads its `logs`. `upkeep` watches the `room` on the disk.
* Models: the `ledger` of promotions, and `takeaway`.
* Messages: `hooks`, told by the `messenger`, `sending` by `posting` or `mailing`, with `deadlines`.
* The database: `tables`, and their `schema`. `looking` is the thread that several of these are.
"""
