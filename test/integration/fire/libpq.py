"""PostgreSQL through the libpq that the connector uses itself: passwords stay in memory."""

import ctypes
import ctypes.util

LIBPQ = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")
for name in ("PQconnectdbParams", "PQexec"):
    getattr(LIBPQ, name).restype = ctypes.c_void_p
for name in ("PQerrorMessage", "PQgetvalue", "PQresultErrorField", "PQresultErrorMessage"):
    getattr(LIBPQ, name).restype = ctypes.c_char_p
CONNECTION_OK, COMMAND_OK, TUPLES_OK = 0, 1, 2
SQLSTATE_FIELD = ord("C")


@ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
def say_nothing(_argument, _message):
    """A server that crashes has much to say to everybody."""


class Refused(Exception):
    """The server itself said no to this login."""


class Lost(Exception):
    """No answer: nothing is known of what would have been said."""


class Denied(Exception):
    """The server refused the statement."""

    def __init__(self, sqlstate, message):
        super().__init__(f"{sqlstate} {message}")
        self.sqlstate = sqlstate


def text_array(values):
    return (ctypes.c_char_p * (len(values) + 1))(*[value.encode() for value in values], None)


class Session:
    """One connection; any thread, but one at a time."""

    def __init__(self, user, password, port, database, ca_file, application="fire", timeout_s=5):
        settings = {
            "host": "localhost",
            "hostaddr": "127.0.0.1",
            "port": str(port),
            "dbname": database,
            "user": user,
            "password": password,
            "sslmode": "verify-full",
            "sslrootcert": ca_file,
            "connect_timeout": str(timeout_s),
            "application_name": application,
            "tcp_user_timeout": "5000",
            "passfile": "/dev/null",
        }
        self.handle = ctypes.c_void_p(
            LIBPQ.PQconnectdbParams(text_array(list(settings)), text_array(list(settings.values())), 0)
        )
        if LIBPQ.PQstatus(self.handle) == CONNECTION_OK:
            LIBPQ.PQsetNoticeProcessor(self.handle, say_nothing, None)
            return
        message = (LIBPQ.PQerrorMessage(self.handle) or b"").decode("utf-8", "replace")
        self.close()
        # libpq has no SQLSTATE of a refused login to give, only the server's words.
        if "password authentication failed" in message or "is not permitted to log in" in message:
            raise Refused(message.strip())
        raise Lost(message.strip())

    def query(self, sql):
        """Rows as tuples of text, NULL as None."""
        result = ctypes.c_void_p(LIBPQ.PQexec(self.handle, sql.encode()))
        try:
            if LIBPQ.PQresultStatus(result) in (COMMAND_OK, TUPLES_OK):
                return self._rows(result)
            state = LIBPQ.PQresultErrorField(result, SQLSTATE_FIELD)
            message = (LIBPQ.PQerrorMessage(self.handle) or b"").decode("utf-8", "replace").strip()
            if not state or LIBPQ.PQstatus(self.handle) != CONNECTION_OK or state[:2] == b"57":
                raise Lost(message)
            raise Denied(state.decode(), message)
        finally:
            LIBPQ.PQclear(result)

    def _rows(self, result):
        def value(row, column):
            if LIBPQ.PQgetisnull(result, row, column):
                return None
            return LIBPQ.PQgetvalue(result, row, column).decode("utf-8", "replace")

        columns = range(LIBPQ.PQnfields(result))
        return [
            tuple(value(row, column) for column in columns) for row in range(LIBPQ.PQntuples(result))
        ]

    def close(self):
        if self.handle:
            LIBPQ.PQfinish(self.handle)
            self.handle = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
