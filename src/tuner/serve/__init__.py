"""The service: studies submitted, watched and used in a browser and over HTTP.

The web process never trains and never runs a user's code. A study runs in a process of its own,
which the service starts, watches and asks to stop.

The rooms and modules by subject:

* The `service` as one value, and the `app` around it. A request comes in through the `web`; `pages`
  answer it for people and `api` for programs. A `bulkhead` keeps slow work apart.
* What people do is one of the `actions`, noted as `acts`, by whoever has one of the `tokens`. What
  they ask for is checked by `orders`.
* What they see of `studies`, `finding` one by its name, and of `models` to take away.
* What can be run: the `shelf` of cases and data.
* How it is run: `jobs`. How much room is left: the `disk`. Who is told: `messages`.
* The database: `tables`, and their `schema`. `looking` is the thread that several of these are,
  `words` are what programs read and people, too, and `times` are written in one way.
"""
