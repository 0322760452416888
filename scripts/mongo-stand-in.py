"""SecantusDB, with transactions that end when nobody goes on with them.

mongod ends them by itself after `transactionLifetimeLimitSeconds`; deploy/compose.cluster.yaml has it be 10. SecantusDB takes
60 s, and looks only when another transaction comes: what a killed server had in hand would stay locked for as long as
nobody begins one.
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
