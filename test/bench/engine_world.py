"""A BenchWorld on MySQL or MariaDB."""

import os

from bench_world import BenchWorld
from engines_test import EngineWorld
from servers import MysqlServer


class EngineBenchWorld(BenchWorld):
    check_rights = EngineWorld.check_rights
    repair = EngineWorld.repair

    def __init__(self, name, lanes):
        super().__init__(MysqlServer(name), privilege_mode="auto", lanes=lanes)

    def integration(self, **changes):
        integration = super().integration(**changes)
        del integration["custodian"]
        return integration

    def flow(self, **changes):
        grants = [{"schema": "shop", "tables": ["customers"], "privileges": ["SELECT"]}]
        return super().flow(grants=grants, **changes)

    def start_connector(self, name="connector"):
        """Before the first one starts, its account is given what its own check asks for."""
        if not os.path.exists(self.path(name + ".yaml")):
            self.enroll(name)
            self.repair(name)
        return super().start_connector(name)
