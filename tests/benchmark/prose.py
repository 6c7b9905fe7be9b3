"""What the page says beside its figures."""

HEAD = """\
# Benchmark

Made by `make bench`; do not edit. {machine}

{groups} Everything runs on one machine: servers, producers, and what is measured. PostgreSQL commits durably
(`fsync`, `synchronous_commit` and `full_page_writes` are on), queues are quorum queues of one node, publishing is
confirmed. Ratios are within one run, contestants by turns on the same servers."""

ONCE = """\
A backlog waits in the queue before the consumer starts. For each event everybody does the same: make sure that it
did not take effect before, change one case's row, write one outgoing event, publish it with a confirm into a quorum
queue, and only then acknowledge. Travel and the gateway run their own handlers on a realistic mix of events, one
travel unit in four a family; travel publishes what comes of them, the gateway keeps a timeline and publishes
nothing. Events are about 600 bytes. At the end it is checked that each event took effect once and in order.

The others keep no order per case, no hashes, no log that others can read, and their outgoing events are lost when
they die between the commit and the publishing; Homeward's are not. FastStream has 20 messages in hand, Celery 10
for each worker process; Homeward's relay packs up to a hundred waiting events into one message. Bare aio-pika
publishes from memory, without a database, with 200 messages under way."""

LATENCY = """\
From the moment at which a producer's transaction is committed to that at which the consumer's is, by PostgreSQL's
own commit times: the relay, the broker, and travel with its handlers lie between. {rate} events a second are
committed one by one, whatever becomes of them. The time in which the consumer's commit reaches the disk is not
contained."""

GROWTH = """\
The same number of new events is handled in one burst by a fresh process, with more and more cases stored: states,
positions, heads, and one row of the log for each subject, in the databases of consumer and producer. What is
written is PostgreSQL's write-ahead log, whole pages after a checkpoint included. A process that starts compares all
its positions with the producer's log; how long it takes until that is done is the last column."""

REPEAT = """\
## How to repeat it

```
make bench                    # everything
make bench QUICK=1            # the first two groups, in less than three minutes
make bench ARGS="--only growth"
```

`--only` keeps the other groups' figures. It needs RabbitMQ and PostgreSQL as `make test` does, an environment of
its own for the contestants ([requirements.in](../tests/benchmark/requirements.in)), and a machine with nothing else
to do: what else runs shows in every figure. The code is in [tests/benchmark](../tests/benchmark), the contestants
in [contenders](../tests/benchmark/contenders). The figures are in [benchmark.json](benchmark.json).

Not measured: networks between machines, several nodes of the broker, replicas of the database."""
AGENCIES = """\
{agencies} embassies hear of the papers of their own nationals, {cases} cases in all; half of them poll the feed, half
are called. Screening and the partners' service are the services as they ship, with names asked for, sealed identities
opened, and each delivery in the audits of both. Times are from the event's own to when the agency has it. The dead
receiver takes connections and never answers. At the end each event has come to the agency whose national it is about,
once, in order. Everything shares the machine's cores, the agencies too. Nobody consumes
from a queue here."""
