/*
 * job.c - one exchange: its request lines, its way to the wire and back, and the judgement of what
 * came.
 */
#include "agent/parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/log.h"

enum { HEADER_LINES_MAX = 96 };

/* Header lines under construction; all text lies in one buffer, so that pointers are made at the
 * end. */
struct header_lines {
	struct text text; /* lines, each ended by a NUL */
	size_t count;
	size_t offset[HEADER_LINES_MAX];
};

struct job *
job_new(struct agent *agent, struct lane *lane, enum phase phase)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->lane = lane;
	job->generation = agent->generation;
	job->generation->jobs++;
	job->settings = lane->settings;
	job->phase = phase;
	return job;
}

void
job_free(struct agent *agent, struct job *job)
{
	if (job == NULL)
		return;
	if (job->judged)
		verdict_free(&job->verdict);
	if (job->transfer != NULL)
		wire_transfer_free(agent->wire, job->transfer);
	job->generation->jobs--;
	store_row_free(job->row);
	free(job->own_url);
	if (job->login_body != NULL)
		explicit_bzero(job->login_body, strlen(job->login_body));
	free(job->login_body);
	free(job);
}

void
job_add(struct job_list *list, struct job *job)
{
	job->previous = list->last;
	job->next = NULL;
	if (list->last != NULL)
		list->last->next = job;
	else
		list->first = job;
	list->last = job;
	list->count++;
}

void
job_remove(struct job_list *list, struct job *job)
{
	if (job->previous != NULL)
		job->previous->next = job->next;
	else
		list->first = job->next;
	if (job->next != NULL)
		job->next->previous = job->previous;
	else
		list->last = job->previous;
	job->previous = NULL;
	job->next = NULL;
	list->count--;
}

struct job *
job_of_row(struct agent *agent, int64_t outbox_id)
{
	for (struct job *job = agent->flying.first; job != NULL; job = job->next)
		if (job->row != NULL && job->row->txn.id == outbox_id)
			return job;
	for (struct job *job = agent->finished.first; job != NULL; job = job->next)
		if (job->row != NULL && job->row->txn.id == outbox_id)
			return job;
	return NULL;
}

static void
count_landed(struct job *job, int change)
{
	if (job->row == NULL)
		return;
	if (job->phase == PHASE_POLL)
		job->lane->landed_polls += change;
	else
		job->lane->landed_submits += change;
}

void
job_landed(struct agent *agent, struct job *job)
{
	job_add(&agent->finished, job);
	count_landed(job, 1);
}

void
job_recorded(struct agent *agent, struct job *job)
{
	job_remove(&agent->finished, job);
	count_landed(job, -1);
}

static int
add_line(void *context, const char *name, const char *value)
{
	struct header_lines *lines = context;

	if (lines->count == HEADER_LINES_MAX)
		return -1;
	lines->offset[lines->count++] = lines->text.length;
	if (text_format(&lines->text, "%s: %s", name, value) == -1)
		return -1;
	return text_add(&lines->text, "", 1);
}

static int
add_whole_line(struct header_lines *lines, const char *line)
{
	if (lines->count == HEADER_LINES_MAX)
		return -1;
	lines->offset[lines->count++] = lines->text.length;
	return text_add(&lines->text, line, strlen(line) + 1);
}

static bool
has_body(const struct job *job)
{
	return job->phase == PHASE_LOGIN ||
	       (job->phase == PHASE_SUBMIT && job->row->body_length > 0);
}

static int
add_key(const struct job *job, struct header_lines *lines)
{
	char quoted[600];

	if (job->phase != PHASE_SUBMIT || job->key == NULL)
		return 0;
	(void)snprintf(quoted, sizeof(quoted), "\"%s\"", job->key);
	return add_line(lines, job->key_header, job->settings->key_quoted ? quoted : job->key);
}

static int
build_headers(const struct job *job, struct header_lines *lines)
{
	const struct profile *profile = job->settings->profile;
	const struct session *session = &job->lane->session;
	const char *type = job->phase == PHASE_LOGIN ? "application/json" : NULL;
	char why[128];
	int failed = 0;

	for (size_t i = 0; i < profile->fixed_header_count; i++)
		failed |= add_whole_line(lines, profile->fixed_headers[i]);
	for (size_t i = 0; i < job->settings->header_count; i++)
		failed |= add_line(
		    lines, job->settings->headers[i].name, job->settings->headers[i].value);
	if (has_body(job))
		failed |=
		    add_line(lines, "Content-Type", type != NULL ? type : job->row->content_type);
	failed |= add_key(job, lines);
	if (job->operation == NULL)
		return failed;
	if (job->operation->session)
		failed |= session->value == NULL
			      ? -1
			      : add_line(lines, profile->login->header, session->value);
	if (job->row->headers != NULL)
		failed |= intake_headers(
		    job->operation, job->row->headers, add_line, lines, why, sizeof(why));
	return failed;
}

/* How long this exchange may take, and what it needs of the wire. */
static void
describe(const struct job *job, struct wire_request *request)
{
	const struct destination *settings = job->settings;
	bool submit = job->phase == PHASE_SUBMIT;

	request->method = job->method;
	request->url = job->url;
	request->connect_timeout_ms = settings->connect_timeout_ms;
	request->fresh_connection = submit && job->operation->kind == KIND_KEYLESS;
	request->allow_private = settings->allow_private;
	request->allow_loopback = settings->allow_plain_loopback;
	request->ca_file = settings->ca_file;
	request->client_cert = settings->client_cert;
	request->client_key = settings->client_key;
	if (job->phase == PHASE_LOGIN) {
		request->body = job->login_body;
		request->body_length = strlen(job->login_body);
	} else if (submit) {
		request->body = job->row->body;
		request->body_length = job->row->body_length;
	}
}

int
job_start(struct agent *agent, struct job *job)
{
	struct header_lines lines = {.count = 0};
	const char *pointers[HEADER_LINES_MAX];
	struct wire_request request = {
	    .response_max = (size_t)job->generation->config->response_max};

	text_init(&lines.text, 256 * 1024);
	if (build_headers(job, &lines) == 0) {
		for (size_t i = 0; i < lines.count; i++)
			pointers[i] = lines.text.data + lines.offset[i];
		request.headers = pointers;
		request.header_count = lines.count;
		describe(job, &request);
		job->transfer = wire_start(agent->wire, &request, job);
	}
	if (lines.text.data != NULL)
		explicit_bzero(lines.text.data, lines.text.capacity);
	text_free(&lines.text);
	if (job->transfer == NULL)
		return -1;
	job->session_serial = job->lane->session.serial;
	job->deadline =
	    agent->boot + (job->phase == PHASE_POLL ? job->settings->poll_timeout_ms
						    : job->settings->request_timeout_ms);
	if (agent->overdue_at == TIME_NONE || job->deadline < agent->overdue_at)
		agent->overdue_at = job->deadline;
	return 0;
}

static const char *
transfer_header(const void *transfer, const char *name)
{
	return wire_transfer_header(transfer, name, NULL);
}

/* A Date header is a second witness of the time. */
static void
see_date(struct agent *agent, const struct job *job)
{
	const char *date = wire_transfer_header(job->transfer, "Date", NULL);
	int64_t ms;

	if (agent->timeline.trusted || date == NULL || job->answer.evidence != EVIDENCE_ANSWERED)
		return;
	ms = backoff_http_date_ms(date);
	if (ms < 0 || !timeline_witness(&agent->timeline, clock_wall_ms(), clock_boot_ms(), ms))
		return;
	agent->now = timeline_read(&agent->timeline, clock_wall_ms(), clock_boot_ms(), NULL);
	agent->look = true;
	agent->time_regained = true;
	log_write(LOG_LEVEL_NOTICE, "clock_trusted", LOG_TEXT("by", "Date header"),
	    LOG_TEXT("destination", job->lane->name));
}

int
job_verdict(struct job *job)
{
	struct verdict_context context = {.profile = job->settings->profile,
	    .operation = job->operation,
	    .unprocessed = job->settings->unprocessed,
	    .unprocessed_count = job->settings->unprocessed_count};

	if (job->judged || job->operation == NULL)
		return 0;
	context.exposed_earlier = job->row->txn.exposed_before != TIME_NONE;
	if (verdict_judge(&context, &job->answer, &job->verdict) == -1)
		return -1;
	job->judged = true;
	return 0;
}

static void
take_outcome(struct agent *agent, struct job *job, const struct wire_outcome *outcome)
{
	job->ended_at = agent->now;
	job->outcome = outcome;
	job->answer = (struct answer){.phase = job->phase,
	    .evidence = outcome->evidence,
	    .trouble = outcome->trouble,
	    .oversize = outcome->oversize,
	    .http_status = outcome->http_status,
	    .body = outcome->body,
	    .body_length = outcome->body_length};
}

void
job_judge(struct agent *agent, struct job *job)
{
	take_outcome(agent, job, wire_transfer_outcome(job->transfer));
	job->answer.header = transfer_header;
	job->answer.header_source = job->transfer;
	see_date(agent, job);
	(void)job_verdict(job); /* without memory: tried again when it is recorded */
}

void
job_never_started(struct agent *agent, struct job *job)
{
	static const struct wire_outcome outcome = {.evidence = EVIDENCE_UNSENT,
	    .trouble = WIRE_TROUBLE_NETWORK,
	    .error = "out of memory before anything was sent"};

	take_outcome(agent, job, &outcome);
	(void)job_verdict(job);
}

/* Why this request must not leave now; NULL when it may. */
static const char *
reason_to_wait(struct agent *agent, const struct job *job)
{
	if (agent->mode != MODE_RUNNING)
		return "outboxd is stopping";
	if (job->lane->settings == NULL)
		return "the destination was removed from the configuration";
	if (job->phase == PHASE_SUBMIT &&
	    (job->lane->gate.shut == GATE_HELD || job->lane->gate.shut == GATE_STOPPED))
		return "the destination is held";
	if (job->phase == PHASE_POLL && job->lane->gate.shut == GATE_STOPPED)
		return "the destination is held";
	/* For keyed submits the look at the beginning of the turn is enough. */
	if (job->row != NULL && (job->phase == PHASE_POLL || job->row->txn.kind == KIND_KEYLESS) &&
	    !store_in_place(agent->store))
		return "the database file was replaced";
	return NULL;
}

/*
 * Keyless rows become `sending` here: connected, TLS verified, nothing sent. If that commit fails,
 * nothing leaves.
 */
static int
commit_intent(struct agent *agent, struct job *job)
{
	struct txn after = job->row->txn;
	struct txn_step step = {.event = EVENT_SEND};
	int64_t before = clock_boot_ms();
	enum store_status status;

	agent->now = timeline_read(&agent->timeline, clock_wall_ms(), before, NULL);
	step.now = agent->now;
	if (agent->timeline.trusted && after.deadline_at != TIME_NONE &&
	    agent->now >= after.deadline_at)
		return -1;
	if (txn_apply(&after, &step) == -1)
		return -1;
	status = store_begin(agent->store, agent->hook_budget_ms, STORE_SYNC_AFTER_COMMIT);
	if (status == STORE_OK) {
		status = store_move(agent->store, job->row->txn.state, &after, job->row->reason,
		    job->row->fetch_url, NULL);
		if (status == STORE_OK)
			status = store_commit(agent->store);
		else
			store_rollback(agent->store);
	}
	agent->hook_budget_ms -= (int)(clock_boot_ms() - before);
	if (agent->hook_budget_ms < 0)
		agent->hook_budget_ms = 0;
	if (status != STORE_OK) {
		(void)agent_store_failed(agent, status, "commit of the intent to send");
		return -1;
	}
	job->row->txn = after;
	ownership_note(agent);
	return 0;
}

int
job_before_send(void *context, void *owner)
{
	struct agent *agent = context;
	struct job *job = owner;
	const char *wait = reason_to_wait(agent, job);

	if (wait != NULL) {
		log_write(LOG_LEVEL_INFO, "not_sent", LOG_TEXT("destination", job->lane->name),
		    LOG_NUMBER("id", job->row == NULL ? 0 : job->row->txn.id),
		    LOG_TEXT("why", wait));
		return -1;
	}
	if (job->row != NULL && job->row->txn.state == STATE_CLAIMED)
		return commit_intent(agent, job);
	return 0;
}
