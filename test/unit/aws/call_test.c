#include "aws/call.h"

#include "base/buffer.h"
#include "base/text.h"
#include "scripted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { DEADLINE_IN_MS = 60000, MANY = 40 };

static const int64_t START_MS = 1767225600000;

static const char TOKEN[] = "session-token-of-this-test";
static const char DENIED[] =
    "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: x is not "
    "authorized</Message></Error><RequestId>req-1</RequestId></ErrorResponse>";
static const char THROTTLED[] =
    "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded"
    "</Message></Error></ErrorResponse>";
static const char FINE[] =
    "<GetUserResponse><GetUserResult><User><Arn>a</Arn></User></GetUserResult>"
    "<ResponseMetadata><RequestId>req-2</RequestId></ResponseMetadata>"
    "</GetUserResponse>";

// A client whose pauses move its clock instead of taking time.
typedef struct Scene {
    Arena *arena;
    Scripted *server;
    ManualClock clock;
    AwsProvider *provider;
    AwsClient *client;
    AwsAnswer answer;
    AwsFault fault;
    Error error;
    int64_t pauses[MANY];
    size_t pause_count;
} Scene;

static void note_pause(void *context, int64_t pause_ms) {
    Scene *scene = context;
    assert_true(scene->pause_count < MANY);
    scene->pauses[scene->pause_count++] = pause_ms;
    scene->clock.at_ms += pause_ms;
}

static void scene_open(Scene *scene, AwsService service, const ScriptedAnswer *answers,
                       size_t count) {
    *scene = (Scene){.arena = arena_new(), .clock = manual_clock_at(START_MS)};
    scene->server = scripted_start(answers, count);
    AwsCredentials *credentials = NULL;
    assert_int_equal(
        aws_credentials_new("test", "AKTEST", "key-of-this-test", TOKEN, 0, &credentials, NULL),
        STATUS_OK);
    scene->provider = aws_provider_new_fixed(credentials);
    AwsClientOptions options = {
        .service = service,
        .region = "eu-central-1",
        .endpoint = scripted_url(scene->server),
        .provider = scene->provider,
        .clock = &scene->clock.clock,
        .pause = note_pause,
        .pause_context = scene,
    };
    if (aws_client_new(&options, &scene->client, &scene->error) != STATUS_OK)
        fail_msg("%s", scene->error.message);
}

static void scene_close(Scene *scene) {
    aws_client_free(scene->client);
    aws_provider_free(scene->provider);
    scripted_stop(scene->server);
    arena_free(scene->arena);
}

static Status get_user(Scene *scene) {
    AwsQuery query = {.action = "GetUser", .deadline_ms = scene->clock.at_ms + DEADLINE_IN_MS};
    aws_parameters_add(scene->arena, &query.parameters, "UserName", "jane");
    return aws_client_query(scene->client, scene->arena, &query, &scene->answer, &scene->fault,
                            &scene->error);
}

static Status describe_sessions(Scene *scene) {
    AwsJsonCall call = {.action = "DescribeSessions",
                        .deadline_ms = scene->clock.at_ms + DEADLINE_IN_MS};
    return aws_client_json(scene->client, scene->arena, &call, &scene->answer, &scene->fault,
                           &scene->error);
}

static void gives_what_a_query_answers(void **state) {
    const ScriptedAnswer answers[] = {
        {.body = FINE, .headers = "Date: Thu, 01 Jan 2026 00:00:07 GMT\r\n"}};
    Scene scene;
    scene_open(&scene, AWS_SERVICE_IAM, answers, 1);
    assert_int_equal(get_user(&scene), STATUS_OK);
    assert_string_equal(xml_text(scene.answer.result, "User/Arn"), "a");
    assert_string_equal(scene.answer.request_id, "req-2");
    assert_int_equal(scene.answer.date_ms, START_MS + 7000);
    assert_int_equal(scene.answer.tries, 1);
    const char *call = scripted_call(scene.server, 0);
    assert_non_null(strstr(call, "Action=GetUser&Version=2010-05-08&UserName=jane"));
    assert_non_null(strstr(call, "/us-east-1/iam/aws4_request"));
    assert_non_null(strcasestr(call, "X-Amz-Security-Token: session-token-of-this-test\r\n"));
    assert_null(strstr(call, "key-of-this-test"));
    scene_close(&scene);
}

static void gives_what_a_json_call_answers(void **state) {
    const ScriptedAnswer answers[] = {
        {.body = "{\"Sessions\": []}", .headers = "x-amzn-RequestId: req-3\r\n"}, {.body = ""}};
    Scene scene;
    scene_open(&scene, AWS_SERVICE_SSM, answers, 2);
    assert_int_equal(describe_sessions(&scene), STATUS_OK);
    assert_true(json_is_array(json_object_get(scene.answer.json, "Sessions")));
    assert_string_equal(scene.answer.request_id, "req-3");
    const char *call = scripted_call(scene.server, 0);
    assert_non_null(strstr(call, "X-Amz-Target: AmazonSSM.DescribeSessions\r\n"));
    assert_non_null(strstr(call, "Content-Type: application/x-amz-json-1.1\r\n"));
    assert_int_equal(describe_sessions(&scene), STATUS_OK);
    assert_int_equal(json_object_size(scene.answer.json), 0);
    scene_close(&scene);
}

static void maps_what_aws_refuses(void **state) {
    static const struct {
        int http_status;
        const char *code;
        Status status;
    } CASES[] = {
        {403, "AccessDenied", STATUS_FORBIDDEN},
        {403, "UnauthorizedOperation", STATUS_FORBIDDEN},
        {404, "NoSuchEntity", STATUS_NOT_FOUND},
        {404, "DBInstanceNotFound", STATUS_NOT_FOUND},
        {404, "DBClusterNotFoundFault", STATUS_NOT_FOUND},
        {400, "InvalidInstanceID.NotFound", STATUS_NOT_FOUND},
        {409, "LimitExceeded", STATUS_CONFLICT},
        {409, "EntityAlreadyExists", STATUS_CONFLICT},
        {400, "MalformedPolicyDocument", STATUS_INVALID},
        {400, "ValidationError", STATUS_INVALID},
        {403, "ExpiredToken", STATUS_UNAUTHENTICATED},
        {403, "InvalidClientTokenId", STATUS_UNAUTHENTICATED},
        {403, "SignatureDoesNotMatch", STATUS_UNAUTHENTICATED},
        {403, "SomethingNew", STATUS_FORBIDDEN},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        char body[300];
        snprintf(body, sizeof(body),
                 "<ErrorResponse><Error><Code>%s</Code><Message>why</Message></Error>"
                 "</ErrorResponse>",
                 CASES[i].code);
        const ScriptedAnswer answers[] = {{.status = CASES[i].http_status, .body = body}};
        Scene scene;
        scene_open(&scene, AWS_SERVICE_IAM, answers, 1);
        if (get_user(&scene) != CASES[i].status)
            fail_msg("%s: %s", CASES[i].code, scene.error.message);
        assert_int_equal(scene.error.status, CASES[i].status);
        assert_string_equal(scene.fault.code, CASES[i].code);
        assert_string_equal(scene.fault.message, "why");
        assert_int_equal(scene.fault.http_status, CASES[i].http_status);
        assert_int_equal(scripted_calls(scene.server), 1);
        assert_false(scene.fault.sent);
        scene_close(&scene);
    }
}

static void says_who_refused_what(void **state) {
    const ScriptedAnswer answers[] = {{.status = 403, .body = DENIED}};
    Scene scene;
    scene_open(&scene, AWS_SERVICE_IAM, answers, 1);
    assert_int_equal(get_user(&scene), STATUS_FORBIDDEN);
    assert_string_equal(scene.error.message,
                        "iam GetUser: AccessDenied: User: x is not authorized");
    assert_string_equal(scene.error.code, "aws_refused");
    assert_string_equal(scene.error.detail, "request req-1");
    scene_close(&scene);
}

static void reads_errors_of_ec2_and_json(void **state) {
    const ScriptedAnswer ec2[] = {{.status = 403,
                                   .body =
                                       "<Response><Errors><Error><Code>UnauthorizedOperation</Code>"
                                       "<Message>no</Message></Error></Errors><RequestID>r"
                                       "</RequestID></Response>"}};
    Scene scene;
    scene_open(&scene, AWS_SERVICE_EC2, ec2, 1);
    assert_int_equal(get_user(&scene), STATUS_FORBIDDEN);
    assert_string_equal(scene.fault.code, "UnauthorizedOperation");
    assert_string_equal(scene.error.detail, "request r");
    scene_close(&scene);
    const ScriptedAnswer json[] = {
        {.status = 400,
         .body = "{\"__type\": \"com.amazonaws#AccessDeniedException\", \"Message\": \"no\"}"},
        {.status = 400, .body = "{\"__type\": \"DoesNotExistException:http://x\"}"}};
    scene_open(&scene, AWS_SERVICE_SSM, json, 2);
    assert_int_equal(describe_sessions(&scene), STATUS_FORBIDDEN);
    assert_string_equal(scene.fault.code, "AccessDenied");
    assert_string_equal(scene.fault.message, "no");
    assert_int_equal(describe_sessions(&scene), STATUS_NOT_FOUND);
    assert_string_equal(scene.fault.code, "DoesNotExist");
    scene_close(&scene);
}

// What AWS answers to a signature that does not match has the token in it.
static void brings_no_secret_into_a_message(void **state) {
    char body[1000];
    snprintf(
        body, sizeof(body),
        "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>It does not match. The "
        "Canonical String for this request should have been\n'POST\nx-amz-security-token:%s'"
        "</Message></Error></ErrorResponse>",
        TOKEN);
    char other[1000];
    snprintf(other, sizeof(other),
             "<ErrorResponse><Error><Code>Odd</Code><Message>you sent %.20s</Message></Error>"
             "</ErrorResponse>",
             TOKEN);
    char third[] = "<ErrorResponse><Error><Code>Odd\n</Code><Message>a\xe2\x80\xae"
                   "b\nsecond line</Message></Error></ErrorResponse>";
    const ScriptedAnswer answers[] = {{.status = 403, .body = body},
                                      {.status = 400, .body = other},
                                      {.status = 400, .body = third}};
    Scene scene;
    scene_open(&scene, AWS_SERVICE_IAM, answers, COUNT_OF(answers));
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        assert_int_not_equal(get_user(&scene), STATUS_OK);
        assert_null(strstr(scene.error.message, TOKEN));
        assert_null(strstr(scene.fault.message, TOKEN));
        assert_null(strstr(scene.error.message, "session-token-of"));
        assert_null(strstr(scene.fault.message, "second line"));
        assert_true(text_is_printable(scene.error.message));
        assert_true(text_is_printable(scene.fault.code));
    }
    scene_close(&scene);
}

static void repeats_what_is_throttled_with_growing_pauses(void **state) {
    const ScriptedAnswer answers[] = {
        {.status = 400, .body = THROTTLED}, {.status = 503, .body = "<html>"},
        {.status = 429, .body = ""},        {.hang_up = true},
        {.body = FINE, .cut = 5},           {.body = FINE}};
    Scene scene;
    scene_open(&scene, AWS_SERVICE_IAM, answers, COUNT_OF(answers));
    if (get_user(&scene) != STATUS_OK)
        fail_msg("%s", scene.error.message);
    assert_int_equal(scene.answer.tries, COUNT_OF(answers));
    assert_int_equal(scene.pause_count, COUNT_OF(answers) - 1);
    static const int64_t BOUNDS_MS[] = {1000, 600, 4000, 2400, 4800};
    for (size_t i = 0; i < scene.pause_count; i++)
        assert_true(scene.pauses[i] >= 0 && scene.pauses[i] <= BOUNDS_MS[i]);
    scene_close(&scene);
}

static void pauses_are_not_all_alike(void **state) {
    const ScriptedAnswer answers[] = {{.status = 400, .body = THROTTLED}};
    int64_t firsts[6];
    bool differ = false;
    for (size_t i = 0; i < COUNT_OF(firsts); i++) {
        Scene scene;
        scene_open(&scene, AWS_SERVICE_IAM, answers, 1);
        assert_int_equal(get_user(&scene), STATUS_LIMITED);
        firsts[i] = scene.pauses[0];
        differ = differ || firsts[i] != firsts[0];
        scene_close(&scene);
    }
    assert_true(differ);
}

static void gives_up_after_so_many_tries(void **state) {
    const ScriptedAnswer answers[] = {{.status = 400, .body = THROTTLED}};
    Scene scene;
    scene_open(&scene, AWS_SERVICE_IAM, answers, 1);
    assert_int_equal(get_user(&scene), STATUS_LIMITED);
    assert_string_equal(scene.error.code, "aws_throttled");
    assert_true(scene.fault.throttled && scene.fault.repeatable);
    assert_in_range(scene.fault.tries, 2, 8);
    assert_int_equal(scripted_calls(scene.server), scene.fault.tries);
    assert_true(scene.clock.at_ms <= START_MS + DEADLINE_IN_MS);
    scene_close(&scene);
}

static void waits_as_long_as_it_is_told(void **state) {
    const ScriptedAnswer answers[] = {{.status = 503, .headers = "Retry-After: 17\r\n", .body = ""},
                                      {.body = FINE}};
    Scene scene;
    scene_open(&scene, AWS_SERVICE_IAM, answers, 2);
    assert_int_equal(get_user(&scene), STATUS_OK);
    assert_int_equal(scene.pause_count, 1);
    assert_int_equal(scene.pauses[0], 17000);
    scene_close(&scene);
}

static void takes_no_odd_word_for_how_long_to_wait(void **state) {
    static const char *const HEADERS[] = {"Retry-After: soon\r\n", "Retry-After: -5\r\n",
                                          "Retry-After: 5x\r\n"};
    for (size_t i = 0; i < COUNT_OF(HEADERS); i++) {
        const ScriptedAnswer answers[] = {{.status = 503, .headers = HEADERS[i]}, {.body = FINE}};
        Scene scene;
        scene_open(&scene, AWS_SERVICE_IAM, answers, 2);
        assert_int_equal(get_user(&scene), STATUS_OK);
        assert_true(scene.pauses[0] <= 300);
        scene_close(&scene);
    }
    const ScriptedAnswer ages[] = {{.status = 503, .headers = "Retry-After: 99999999999\r\n"}};
    Scene scene;
    scene_open(&scene, AWS_SERVICE_IAM, ages, 1);
    assert_int_equal(get_user(&scene), STATUS_UNAVAILABLE);
    assert_int_equal(scripted_calls(scene.server), 1);
    scene_close(&scene);
}

static void does_not_wait_past_the_deadline(void **state) {
    const ScriptedAnswer answers[] = {{.status = 503, .headers = "Retry-After: 61\r\n", .body = ""},
                                      {.body = FINE}};
    Scene scene;
    scene_open(&scene, AWS_SERVICE_IAM, answers, 2);
    assert_int_equal(get_user(&scene), STATUS_UNAVAILABLE);
    assert_int_equal(scene.pause_count, 0);
    assert_int_equal(scripted_calls(scene.server), 1);
    assert_true(scene.fault.sent);
    AwsQuery late = {.action = "GetUser", .deadline_ms = scene.clock.at_ms - 1};
    assert_int_equal(aws_client_query(scene.client, scene.arena, &late, &scene.answer, &scene.fault,
                                      &scene.error),
                     STATUS_UNAVAILABLE);
    assert_string_equal(scene.error.code, "timed_out");
    assert_int_equal(scripted_calls(scene.server), 1);
    assert_false(scene.fault.sent);
    scene_close(&scene);
}

static void says_whether_it_may_have_been_carried_out(void **state) {
    const ScriptedAnswer answers[] = {{.hang_up = true}};
    Scene scene;
    scene_open(&scene, AWS_SERVICE_IAM, answers, 1);
    assert_int_equal(get_user(&scene), STATUS_UNAVAILABLE);
    assert_string_equal(scene.error.code, "connection_lost");
    assert_true(scene.fault.sent);
    assert_string_equal(scene.fault.code, "");
    scene_close(&scene);
}

static void garbage_is_no_answer(void **state) {
    static const char *const BODIES[] = {"<!DOCTYPE a [<!ENTITY b \"cccc\">]><a>&b;</a>",
                                         "<a><b></a>", "hello", "", "<a>\xff</a>"};
    for (size_t i = 0; i < COUNT_OF(BODIES); i++) {
        const ScriptedAnswer answers[] = {{.body = BODIES[i]}};
        Scene scene;
        scene_open(&scene, AWS_SERVICE_IAM, answers, 1);
        assert_int_equal(get_user(&scene), STATUS_UNAVAILABLE);
        assert_string_equal(scene.error.code, "aws_unavailable");
        assert_true(scene.fault.sent);
        scene_close(&scene);
    }
    static const char *const DOCUMENTS[] = {"[]", "{", "{\"a\": 1, \"a\": 2}", "<a/>", "null"};
    for (size_t i = 0; i < COUNT_OF(DOCUMENTS); i++) {
        const ScriptedAnswer answers[] = {{.body = DOCUMENTS[i]}};
        Scene scene;
        scene_open(&scene, AWS_SERVICE_SSM, answers, 1);
        assert_int_equal(describe_sessions(&scene), STATUS_UNAVAILABLE);
        scene_close(&scene);
    }
}

static void an_answer_that_is_too_large_is_not_asked_for_again(void **state) {
    char *body = mem_alloc((size_t)XML_MAX_BYTES + 100);
    memset(body, 'x', (size_t)XML_MAX_BYTES + 99);
    const ScriptedAnswer answers[] = {{.body = body}};
    Scene scene;
    scene_open(&scene, AWS_SERVICE_IAM, answers, 1);
    assert_int_equal(get_user(&scene), STATUS_TOO_LARGE);
    assert_int_equal(scripted_calls(scene.server), 1);
    scene_close(&scene);
    mem_free(body);
}

static void says_that_this_machines_clock_is_wrong(void **state) {
    const ScriptedAnswer answers[] = {
        {.status = 403,
         .headers = "Date: Thu, 01 Jan 2026 00:10:00 GMT\r\n",
         .body =
             "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired"
             "</Message></Error></ErrorResponse>"}};
    Scene scene;
    scene_open(&scene, AWS_SERVICE_IAM, answers, 1);
    assert_int_equal(get_user(&scene), STATUS_UNAVAILABLE);
    assert_string_equal(scene.error.code, "clock_skewed");
    assert_non_null(strstr(scene.error.message, "600 s behind AWS's"));
    scene_close(&scene);
}

// Paging

typedef struct Pages {
    size_t count;
    size_t items;
} Pages;

static Status count_page(void *context, const AwsAnswer *answer, Error *reterr) {
    Pages *pages = context;
    pages->count++;
    for (const XmlNode *item = xml_find(answer->result, "Users/member"); item != NULL;
         item = xml_next(item))
        pages->items++;
    return STATUS_OK;
}

static Status all_pages(Scene *scene, AwsPage *page, Pages *pages) {
    AwsQuery query = {.action = "ListUsers", .deadline_ms = scene->clock.at_ms + DEADLINE_IN_MS};
    aws_parameters_add(scene->arena, &query.parameters, "PathPrefix", "/");
    return aws_client_query_pages(scene->client, &query, page, pages, &scene->fault, &scene->error);
}

static void goes_through_all_pages(void **state) {
    static const char *const NAMES[] = {"Marker", "NextToken", "nextToken"};
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        char first[400];
        snprintf(first, sizeof(first),
                 "<ListUsersResponse><ListUsersResult><Users><member/><member/></Users><%s>m&amp;1"
                 "</%s></ListUsersResult></ListUsersResponse>",
                 NAMES[i], NAMES[i]);
        const ScriptedAnswer answers[] = {
            {.body = first},
            {.body = "<ListUsersResponse><ListUsersResult><Users><member/></Users>"
                     "<Marker/></ListUsersResult></ListUsersResponse>"}};
        Scene scene;
        scene_open(&scene, AWS_SERVICE_IAM, answers, 2);
        Pages pages = {0};
        assert_int_equal(all_pages(&scene, count_page, &pages), STATUS_OK);
        assert_int_equal(pages.count, 2);
        assert_int_equal(pages.items, 3);
        assert_null(strstr(scripted_call(scene.server, 0), "m%261"));
        assert_non_null(
            strstr(scripted_call(scene.server, 1),
                   i == 0 ? "PathPrefix=%2F&Marker=m%261" : "PathPrefix=%2F&NextToken=m%261"));
        scene_close(&scene);
    }
}

static void does_not_go_round_in_pages(void **state) {
    const ScriptedAnswer answers[] = {{.body = "<R><Marker>same</Marker></R>"}};
    Scene scene;
    scene_open(&scene, AWS_SERVICE_IAM, answers, 1);
    Pages pages = {0};
    assert_int_equal(all_pages(&scene, count_page, &pages), STATUS_UNAVAILABLE);
    assert_int_equal(pages.count, 1);
    scene_close(&scene);
}

static Status refuse_page(void *context, const AwsAnswer *answer, Error *reterr) {
    return error_set(reterr, STATUS_CONFLICT, "enough", "enough");
}

static void a_page_may_end_it(void **state) {
    const ScriptedAnswer answers[] = {{.body = "<R><Marker>same</Marker></R>"}};
    Scene scene;
    scene_open(&scene, AWS_SERVICE_IAM, answers, 1);
    assert_int_equal(all_pages(&scene, refuse_page, NULL), STATUS_CONFLICT);
    assert_int_equal(scripted_calls(scene.server), 1);
    scene_close(&scene);
}

static Status count_json_page(void *context, const AwsAnswer *answer, Error *reterr) {
    Pages *pages = context;
    pages->count++;
    pages->items += json_array_size(json_object_get(answer->json, "Sessions"));
    return STATUS_OK;
}

static void goes_through_all_json_pages(void **state) {
    const ScriptedAnswer answers[] = {{.body = "{\"Sessions\": [1, 2], \"NextToken\": \"t1\"}"},
                                      {.body = "{\"Sessions\": [3], \"NextToken\": \"\"}"}};
    Scene scene;
    scene_open(&scene, AWS_SERVICE_SSM, answers, 2);
    json_t *body = json_keep(scene.arena, json_pack("{s:s}", "State", "Active"));
    AwsJsonCall call = {.action = "DescribeSessions", .body = body};
    Pages pages = {0};
    assert_int_equal(
        aws_client_json_pages(scene.client, &call, count_json_page, &pages, NULL, NULL), STATUS_OK);
    assert_int_equal(pages.count, 2);
    assert_int_equal(pages.items, 3);
    assert_non_null(
        strstr(scripted_call(scene.server, 1), "{\"NextToken\":\"t1\",\"State\":\"Active\"}"));
    assert_int_equal(json_object_size(body), 1);
    scene_close(&scene);
}

static void reads_documents_of_policies(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *document = NULL;
    assert_int_equal(
        aws_document_decode(arena, "%7B%22a%22%3A%20%22b%2Bc+d%22%7D", &document, NULL), STATUS_OK);
    assert_string_equal(document, "{\"a\": \"b+c+d\"}");
    assert_int_equal(aws_document_decode(arena, "%7", &document, NULL), STATUS_UNAVAILABLE);
    assert_int_equal(aws_document_decode(arena, "%ff", &document, NULL), STATUS_UNAVAILABLE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_what_a_query_answers),
        cmocka_unit_test(gives_what_a_json_call_answers),
        cmocka_unit_test(maps_what_aws_refuses),
        cmocka_unit_test(says_who_refused_what),
        cmocka_unit_test(reads_errors_of_ec2_and_json),
        cmocka_unit_test(brings_no_secret_into_a_message),
        cmocka_unit_test(repeats_what_is_throttled_with_growing_pauses),
        cmocka_unit_test(pauses_are_not_all_alike),
        cmocka_unit_test(gives_up_after_so_many_tries),
        cmocka_unit_test(waits_as_long_as_it_is_told),
        cmocka_unit_test(takes_no_odd_word_for_how_long_to_wait),
        cmocka_unit_test(does_not_wait_past_the_deadline),
        cmocka_unit_test(says_whether_it_may_have_been_carried_out),
        cmocka_unit_test(garbage_is_no_answer),
        cmocka_unit_test(an_answer_that_is_too_large_is_not_asked_for_again),
        cmocka_unit_test(says_that_this_machines_clock_is_wrong),
        cmocka_unit_test(goes_through_all_pages),
        cmocka_unit_test(does_not_go_round_in_pages),
        cmocka_unit_test(a_page_may_end_it),
        cmocka_unit_test(goes_through_all_json_pages),
        cmocka_unit_test(reads_documents_of_policies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
