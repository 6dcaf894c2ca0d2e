"""The service: people submit, watch and use studies in a browser and over HTTP.

The web process never trains and never runs a user's code. Each study runs in a process of its own,
which the service starts, watches and asks to stop.

The rooms and modules by subject:

* The `service` as one value, and the `app` around it. A request comes in through the `web`; `pages`
  answer it for people and `api` for programs. A `bulkhead` limits slow work.
* What people do: `actions`, recorded as `acts`, for people with `tokens`. `orders` checks their
  requests.
* What people see: `studies`, with `finding` to open one by name, and `models` to download.
* What can be run: the `shelf` of cases and data.
* How it is run: `jobs`. Free space: the `disk`. Notifications: `messages`.
* The database: `tables`, and their `schema`. `looking` is the thread behind several parts, `words`
  are texts for both programs and people, and `times` formats times.
"""
