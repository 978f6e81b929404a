/* Scoring of multiple-choice tasks. See <libinfer/choice.h>. */
#include <libinfer/choice.h>

#include <libinfer/measure.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Logits are made for so many tokens at a time. */
enum { POSITIONS = 16 };

/* Of WinoGrande an answer's own tokens are scored too where no more than these follow what both have in common. */
enum { LEAST_AFTER = 3 };

/* One answer with its question, as tokens. */
struct sequence {
	struct infer_tokens ids;
	uint32_t first, end; /* those that are scored */
};

struct chooser {
	const struct fmt_tasks *tasks;
	struct infer_encoder *encoder;
	char *text;
	size_t text_cap;
	struct sequence *sequences; /* [n_answers] of the task at hand; there are as many as the largest has */
	uint32_t n_sequences;
	uint32_t n_common;          /* tokens that all of the task begin with */
	uint32_t n_vocab;
	struct infer_run *run;
	float *logits;              /* [POSITIONS, vocab] */
};

/* The text of an answer with what stands before it and, if asked for, after it. */
static bool tokenize(struct chooser *c, const struct fmt_task *task, uint32_t answer, bool with_rest, struct infer_tokens *out,
                     struct fmt_err *err)
{
	const struct fmt_str space = c->tasks->kind == FMT_TASKS_WINOGRANDE ? FMT_STR("") : FMT_STR(" "), none = FMT_STR("");
	const struct fmt_str parts[] = { task->before, space, task->answers[answer], with_rest ? task->after : none };
	size_t n = 0;

	for (size_t i = 0; i < 4; i++)
		n += parts[i].n; /* parts of one file: no sum of them passes what memory can hold */
	if (n > c->text_cap) {
		char *larger = realloc(c->text, n);

		if (!larger)
			return fmt_fail_nomem(err, n);
		c->text = larger;
		c->text_cap = n;
	}
	n = 0;
	for (size_t i = 0; i < 4; i++) {
		if (parts[i].n)
			memcpy(c->text + n, parts[i].p, parts[i].n);
		n += parts[i].n;
	}
	out->n = 0;
	return infer_encode(c->encoder, c->text ? c->text : "", n, INFER_TOK_ADD_SPECIAL, out, err) &&
	       (out->n <= INT32_MAX || fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "a task of more than 2^31 tokens"));
}

static uint32_t common_prefix(const struct chooser *c, uint32_t n_sequences)
{
	const struct infer_tokens *a = &c->sequences[0].ids;
	uint32_t n = (uint32_t)a->n;

	for (uint32_t s = 1; s < n_sequences; s++) {
		const struct infer_tokens *b = &c->sequences[s].ids;
		uint32_t same = 0;

		while (same < n && same < b->n && a->ids[same] == b->ids[same])
			same++;
		n = same;
	}
	return n;
}

/* Where the answer of WinoGrande ends, when the sentence after it is what is scored. */
static bool begin_after(struct chooser *c, const struct fmt_task *task, uint32_t s, uint32_t *begin, struct fmt_err *err)
{
	struct infer_tokens ids = { 0 };
	bool ok = tokenize(c, task, s, false, &ids, err);

	*begin = (uint32_t)ids.n;
	infer_tokens_finish(&ids);
	return ok;
}

/* At least one token is scored, even of an answer that is the beginning of another; the first is not, since nothing is before
 * it to tell it from. */
static bool set_scored(struct chooser *c, const struct fmt_task *task, uint64_t number, struct fmt_err *err)
{
	bool within = c->tasks->kind == FMT_TASKS_WINOGRANDE, after = within;

	for (uint32_t s = 0; s < task->n_answers; s++)
		after = after && c->sequences[s].ids.n - c->n_common > LEAST_AFTER;
	for (uint32_t s = 0; s < task->n_answers; s++) {
		struct sequence *q = &c->sequences[s];
		uint32_t n = (uint32_t)q->ids.n, first = c->n_common;

		if (n < 2)
			return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "task %" PRIu64 ": answer %" PRIu32 " and its question are %" PRIu32
			                " token%s: there is nothing to predict", number + 1, s + 1, n, n == 1 ? "" : "s");
		if (after && !begin_after(c, task, s, &first, err))
			return false;
		first = first >= n ? n - 1 : first;
		q->first = first ? first : 1;
		q->end = within && n - q->first > 1 ? n - 1 : n;
	}
	return true;
}

static bool prepare(struct chooser *c, uint64_t number, struct fmt_err *err)
{
	const struct fmt_task *task = &c->tasks->tasks[number];

	for (uint32_t s = 0; s < task->n_answers; s++) {
		struct infer_tokens *ids = &c->sequences[s].ids;

		if (!tokenize(c, task, s, true, ids, err))
			return false;
		for (uint64_t i = 0; i < ids->n; i++)
			if (ids->ids[i] < 0 || (uint32_t)ids->ids[i] >= c->n_vocab)
				return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "task %" PRIu64 " has token %" PRId32 ", and the model knows %" PRIu32,
				                number + 1, ids->ids[i], c->n_vocab);
	}
	c->n_common = common_prefix(c, task->n_answers);
	return set_scored(c, task, number, err);
}

/* The mean logarithm of the probabilities of an answer's tokens, of which the run has the first n_shared. */
static bool score(struct chooser *c, const struct sequence *q, uint32_t n_shared, double *result, struct fmt_err *err)
{
	double sum = 0;

	if (!infer_run_back(c->run, n_shared)) {
		infer_run_reset(c->run);
		n_shared = 0;
	}
	if (!infer_eval(c->run, q->ids.ids + n_shared, q->first - 1 - n_shared, false, NULL, err))
		return false;
	for (uint32_t at = q->first - 1; at + 1 < q->end;) {
		uint32_t n = q->end - 1 - at < POSITIONS ? q->end - 1 - at : POSITIONS;

		if (!infer_eval(c->run, q->ids.ids + at, n, true, c->logits, err))
			return false;
		for (uint32_t i = 0; i < n; i++)
			sum -= infer_nll(c->logits + (size_t)i * c->n_vocab, c->n_vocab, q->ids.ids[at + i + 1]);
		at += n;
	}
	*result = sum / (q->end - q->first);
	return true;
}

/* What the answers have in common is run once, up to the first token whose prediction is looked at. */
static bool answer(struct chooser *c, const struct fmt_task *task, double *scores, struct infer_choice *out, struct fmt_err *err)
{
	uint32_t n_shared = c->n_common;

	for (uint32_t s = 0; s < task->n_answers; s++)
		n_shared = c->sequences[s].first - 1 < n_shared ? c->sequences[s].first - 1 : n_shared;
	infer_run_reset(c->run);
	if (!infer_eval(c->run, c->sequences[0].ids.ids, n_shared, false, NULL, err))
		return false;
	*out = (struct infer_choice){ .scores = scores };
	for (uint32_t s = 0; s < task->n_answers; s++) {
		if (!score(c, &c->sequences[s], n_shared, &scores[s], err))
			return false;
		out->chosen = scores[s] > scores[out->chosen] ? s : out->chosen;
	}
	out->right = task->right[out->chosen];
	return true;
}

/* Every task must fit the context, or sets it. Each is tokenized once more when it is run: that is quick, and all of them would
 * take memory. */
static bool find_context(struct chooser *c, uint32_t given, uint32_t *n_ctx, struct fmt_err *err)
{
	*n_ctx = given;
	for (uint64_t i = 0; i < c->tasks->n; i++) {
		if (!prepare(c, i, err))
			return false;
		for (uint32_t s = 0; s < c->tasks->tasks[i].n_answers; s++) {
			uint32_t n = (uint32_t)c->sequences[s].ids.n;

			if (given && n > given)
				return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "task %" PRIu64 " has %" PRIu32 " tokens, and the context %" PRIu32
				                ": give a larger --ctx, or none", i + 1, n, given);
			*n_ctx = n > *n_ctx ? n : *n_ctx;
		}
	}
	return true;
}

static bool allocate(struct chooser *c, struct infer_choices *out, struct fmt_err *err)
{
	uint64_t n_answers = 0;

	for (uint64_t i = 0; i < c->tasks->n; i++) {
		const struct fmt_task *task = &c->tasks->tasks[i];

		n_answers += task->n_answers;
		c->n_sequences = task->n_answers > c->n_sequences ? task->n_answers : c->n_sequences;
	}
	c->sequences = calloc(c->n_sequences, sizeof *c->sequences);
	c->logits = calloc((size_t)c->n_vocab, POSITIONS * sizeof *c->logits);
	out->choices = calloc(c->tasks->n, sizeof *out->choices);
	out->scores = calloc(n_answers, sizeof *out->scores);
	return (c->sequences && c->logits && out->choices && out->scores) || fmt_fail_nomem(err, n_answers * sizeof *out->scores);
}

static void finish(struct chooser *c)
{
	for (uint32_t s = 0; c->sequences && s < c->n_sequences; s++)
		infer_tokens_finish(&c->sequences[s].ids);
	free(c->sequences);
	free(c->logits);
	free(c->text);
	infer_run_destroy(c->run);
	infer_encoder_destroy(c->encoder);
}

static double chance_of(const struct fmt_task *task)
{
	uint32_t n_right = 0;

	for (uint32_t s = 0; s < task->n_answers; s++)
		n_right += task->right[s];
	return (double)n_right / task->n_answers;
}

static bool run_tasks(struct chooser *c, const struct infer_choose_options *o, struct infer_choices *out, struct fmt_err *err)
{
	double *scores = out->scores;

	for (uint64_t i = 0; i < c->tasks->n; i++) {
		const struct fmt_task *task = &c->tasks->tasks[i];

		if (!prepare(c, i, err) || !answer(c, task, scores, &out->choices[i], err))
			return false;
		scores += task->n_answers;
		out->n++;
		out->n_right += out->choices[i].right;
		out->chance += chance_of(task) / (double)c->tasks->n;
		if (o->progress)
			o->progress(o->user, i + 1, c->tasks->n);
	}
	return true;
}

bool infer_choose(const struct infer_model *m, const struct infer_tokenizer *tokenizer, const struct fmt_tasks *tasks,
                  const struct infer_choose_options *o, struct infer_choices *out, struct fmt_err *err)
{
	struct chooser c = { .tasks = tasks, .n_vocab = infer_n_vocab(m) };
	uint32_t n_ctx = 0;
	bool ok;

	*out = (struct infer_choices){ 0 };
	ok = allocate(&c, out, err) && (c.encoder = infer_encoder_create(tokenizer, err)) && find_context(&c, o->n_ctx, &n_ctx, err) &&
	     (c.run = infer_run_create(m, n_ctx, o->n_batch, err)) && run_tasks(&c, o, out, err);
	finish(&c);
	return ok;
}

void infer_choices_finish(struct infer_choices *c)
{
	free(c->choices);
	free(c->scores);
	*c = (struct infer_choices){ 0 };
}

double infer_choices_error(const struct infer_choices *c)
{
	double p = c->n ? (double)c->n_right / (double)c->n : 0;

	return c->n > 1 ? sqrt(p * (1 - p) / (double)(c->n - 1)) : 0;
}

/* 1.96: where 95 % of a normal distribution end. */
void infer_choices_interval(const struct infer_choices *c, double *low, double *high)
{
	const double z = 1.959963984540054;
	double n = (double)c->n, p = n > 0 ? (double)c->n_right / n : 0, middle = p + z * z / (2 * n);
	double half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n));

	*low = c->n ? (middle - half) / (1 + z * z / n) : 0;
	*high = c->n ? (middle + half) / (1 + z * z / n) : 1;
}
