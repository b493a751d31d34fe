#include "store/store_internal.h"

enum {
    MESSAGE_MAX_BYTES = 1000,
    UNCHANGED_WRITTEN_EVERY_MS = 60 * SECOND_MS,
};

static const Field REPORT_FIELDS[] = {
    {FIELD(IntegrationReport, integration, STRING), .required = true,
     .help = "Name of the integration"},
    {FIELD(IntegrationReport, ok, BOOL), .help = "Whether the last check found nothing wrong"},
    {FIELD(IntegrationReport, message, STRING), .help = "What the last check said"},
    {FIELD(IntegrationReport, checked_at, TIME), .help = "When it was checked last"},
    {FIELD(IntegrationReport, checks, JSON), .help = "Everything that was checked"},
    {FIELD(IntegrationReport, discovery, JSON), .help = "What there is to grant access to"},
    {FIELD(IntegrationReport, discovered_at, TIME), .help = "When that was looked at last"},
};
const Shape INTEGRATION_REPORT_SHAPE = SHAPE("IntegrationReport", IntegrationReport, REPORT_FIELDS,
                                             "What was last seen of an integration");

#define REPORT_COLUMNS "integration, ok, message, checked_at, checks, discovery, discovered_at"

typedef struct ReportWork {
    const char *integration;
    const IntegrationReport *saved;
    IntegrationReport found;
    bool unchanged;
} ReportWork;

static Status find_report(Operation *operation, void *work_, Error *reterr) {
    ReportWork *work = work_;
    Parameter parameters[] = {parameter_text(work->integration)};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT " REPORT_COLUMNS " FROM integration_reports WHERE integration = $1",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    if (rows.count == 0)
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_report",
                         "nothing was reported of this integration yet");
    const Row *row = &rows.items[0];
    json_t *checks = NULL;
    json_t *discovery = NULL;
    TRY(stored_json(operation, row->text[4], &checks, reterr));
    TRY(stored_json(operation, row->text[5], &discovery, reterr));
    work->found = (IntegrationReport){
        .integration = row->text[0],
        .ok = row->integer[1] != 0,
        .message = row->text[2],
        .checked_at = row->integer[3],
        .checks = checks,
        .discovery = discovery,
        .discovered_at = row->integer[6],
    };
    return STATUS_OK;
}

Status store_integration_report(Store *store, Arena *arena, const char *integration,
                                IntegrationReport *ret_report, Error *reterr) {
    ReportWork work = {.integration = integration};
    TRY(store_read(store, arena, find_report, &work, reterr));
    *ret_report = work.found;
    return STATUS_OK;
}

// Health comes with every poll and mostly says what it said before.
static Status compare_report(Operation *operation, void *work_, Error *reterr) {
    ReportWork *work = work_;
    const IntegrationReport *report = work->saved;
    Parameter parameters[] = {parameter_text(report->integration)};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT ok, message, checked_at FROM integration_reports"
                      " WHERE integration = $1",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    work->unchanged =
        rows.count > 0 && report->checks == NULL && report->discovery == NULL &&
        (rows.items[0].integer[0] != 0) == report->ok &&
        (report->message == NULL || text_equal(rows.items[0].text[1], report->message)) &&
        report->checked_at - rows.items[0].integer[2] < UNCHANGED_WRITTEN_EVERY_MS;
    return STATUS_OK;
}

static const char *text_of(Operation *operation, const json_t *value) {
    return value != NULL ? json_text(operation->arena, value) : NULL;
}

// A discovery alone (no time of a check) says nothing about health.
static Status save_report(Operation *operation, void *work_, Error *reterr) {
    ReportWork *work = work_;
    const IntegrationReport *report = work->saved;
    Parameter parameters[] = {
        parameter_text(report->integration),
        parameter_int(report->ok ? 1 : 0),
        parameter_text(text_bounded(operation->arena, report->message, MESSAGE_MAX_BYTES)),
        parameter_int(report->checked_at),
        parameter_text(text_of(operation, report->checks)),
        parameter_text(text_of(operation, report->discovery)),
        parameter_int(report->discovered_at),
    };
    return operation_run(
        operation,
        "INSERT INTO integration_reports (" REPORT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (integration) DO UPDATE SET"
        " ok = CASE WHEN excluded.checked_at = 0 THEN integration_reports.ok ELSE excluded.ok END,"
        " message = CASE"
        // What was wrong is not said of what is well again.
        "   WHEN integration_reports.ok = 0 AND excluded.ok = 1 AND excluded.checked_at <> 0"
        "   THEN excluded.message"
        "   ELSE COALESCE(excluded.message, integration_reports.message) END,"
        " checked_at = CASE WHEN excluded.checked_at = 0 THEN integration_reports.checked_at"
        "   ELSE excluded.checked_at END,"
        " checks = COALESCE(excluded.checks, integration_reports.checks),"
        " discovery = COALESCE(excluded.discovery, integration_reports.discovery),"
        " discovered_at = CASE WHEN excluded.discovered_at = 0"
        "   THEN integration_reports.discovered_at ELSE excluded.discovered_at END",
        parameters, COUNT_OF(parameters), NULL, reterr);
}

Status store_save_integration_report(Store *store, const IntegrationReport *report, Error *reterr) {
    ReportWork work = {.saved = report};
    TRY(store_read(store, NULL, compare_report, &work, reterr));
    return work.unchanged ? STATUS_OK : store_write(store, NULL, NULL, save_report, &work, reterr);
}
