"""SecantusDB with a background thread that aborts expired transactions.

mongod aborts them after `transactionLifetimeLimitSeconds`, which is 10 in deploy/compose.cluster.yaml. SecantusDB waits 60 s
and checks only when another transaction begins, so the documents of a killed server would stay locked until then.
"""

import sys
import threading
import time

from secantus import cli, server

LIFETIME_SECONDS = 10
LOOKED_FOR_EVERY_SECONDS = 1


class Transactions(server.TransactionRegistry):
    def __init__(self, **settings):
        super().__init__(**{**settings, "lifetime_seconds": LIFETIME_SECONDS})
        threading.Thread(target=self._end_idle_ones, daemon=True).start()

    def _end_idle_ones(self):
        while True:
            time.sleep(LOOKED_FOR_EVERY_SECONDS)
            self.prune_expired()


if __name__ == "__main__":
    server.TransactionRegistry = Transactions
    sys.exit(cli.main())
