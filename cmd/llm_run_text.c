/* llm-run's main job: the prompt is computed, its logits written if asked for, and the text goes on. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libfmt/write.h>
#include <libinfer/stream.h>

#include "llm_run.h"

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Generated text may say anything: on a terminal, what could act on it is left out. */
static void print_text(const char *text, size_t n)
{
	bool terminal = isatty(STDOUT_FILENO);

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i], next = i + 1 < n ? (unsigned char)text[i + 1] : 0;

		if (terminal && ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f))
			continue;
		if (terminal && c == 0xc2 && next >= 0x80 && next < 0xa0) { /* U+0080 to U+009F */
			i++;
			continue;
		}
		putchar(c);
	}
	fflush(stdout);
}

static bool out_of_room(const struct generation *g, uint32_t n_ctx)
{
	return infer_run_pos(g->run) >= n_ctx;
}

static bool emit(struct generation *g, const char *text, size_t n, struct fmt_err *err)
{
	char *larger;

	if (!g->program->json) {
		print_text(text, n);
		return true;
	}
	larger = realloc(g->text, g->text_bytes + n + 1);
	if (!larger)
		return fmt_fail_nomem(err, g->text_bytes + n + 1);
	g->text = larger;
	memcpy(larger + g->text_bytes, text, n);
	g->text_bytes += n;
	return true;
}

/* Shows one more id: its text, or its number where there is no tokenizer. */
static bool show(struct generation *g, struct infer_stream *stream, int32_t id, struct fmt_err *err)
{
	char number[16];
	const char *text = number;
	size_t n;

	if (!stream) {
		n = (size_t)snprintf(number, sizeof number, "%s%" PRId32, g->n > 1 ? "," : "", id);
		return g->program->json || emit(g, text, n, err);
	}
	return infer_stream_push(stream, id, &text, &n, err) && emit(g, text, n, err);
}

static bool generate_tokens(struct generation *g, struct infer_stream *stream, uint32_t n_ctx, struct fmt_err *err)
{
	const char *text;
	size_t n;

	g->stop = "length";
	while (g->n < g->o->n) {
		int32_t id = infer_sample(g->sampler, g->logits);

		if (!g->o->ignore_eos && g->l->tokenizer && infer_token_ends(g->l->tokenizer, id)) {
			g->stop = "end";
			break;
		}
		g->ids[g->n++] = id;
		if (!show(g, stream, id, err))
			return false;
		if (g->n < g->o->n && out_of_room(g, n_ctx)) {
			g->stop = "context";
			break;
		}
		if (g->n < g->o->n && !infer_eval(g->run, &id, 1, false, g->logits, err))
			return false;
	}
	return !stream || (infer_stream_flush(stream, &text, &n, err) && emit(g, text, n, err));
}

static bool generate(struct generation *g, uint32_t n_ctx, struct fmt_err *err)
{
	struct infer_stream *stream = NULL;
	double start = seconds();
	bool ok = true;

	g->ids = malloc((n_ctx + 1) * sizeof *g->ids);
	if (!g->ids)
		return fmt_fail_nomem(err, (uint64_t)n_ctx * sizeof *g->ids);
	if (g->l->tokenizer)
		ok = (stream = infer_stream_create(g->l->tokenizer, g->prompt->ids, g->prompt->n, err)) != NULL;
	ok = ok && generate_tokens(g, stream, n_ctx, err);
	infer_stream_destroy(stream);
	g->seconds = seconds() - start;
	return ok;
}

/* Computes the prompt in pieces, and writes ids and logits to a safetensors file as they come. */
static bool write_pieces(struct generation *g, struct fmt_writer *w, struct fmt_sink *s, struct fmt_err *err)
{
	enum { POSITIONS = 64 };
	uint64_t n_vocab = infer_n_vocab(g->l->model), row = n_vocab * sizeof(float);
	float *piece = malloc(POSITIONS * row);
	bool ok = piece || fmt_fail_nomem(err, POSITIONS * row);

	for (uint64_t done = 0, n; ok && done < g->prompt->n; done += n) {
		n = g->prompt->n - done < POSITIONS ? g->prompt->n - done : POSITIONS;
		ok = infer_eval(g->run, g->prompt->ids + done, (uint32_t)n, true, piece, err) &&
		     fmt_writer_data(w, s, 1, done * row, piece, n * row, err);
		if (ok)
			memcpy(g->logits, piece + (n - 1) * n_vocab, row);
	}
	free(piece);
	return ok && fmt_writer_data(w, s, 0, 0, g->prompt->ids, g->prompt->n * sizeof *g->prompt->ids, err);
}

static bool eval_to_file(struct generation *g, struct fmt_err *err)
{
	uint64_t shape[2] = { g->prompt->n, infer_n_vocab(g->l->model) }, n_bytes;
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_SAFETENSORS, err);
	struct fmt_sink *s = NULL;
	uint32_t index;
	bool ok = w && fmt_writer_tensor(w, FMT_STR("ids"), FMT_I32, 1, shape, &index, err) &&
	          fmt_writer_tensor(w, FMT_STR("logits"), FMT_F32, 2, shape, &index, err) &&
	          fmt_writer_layout(w, &n_bytes, err) && (s = fmt_sink_create(g->o->logits, g->o->force, err)) &&
	          fmt_writer_header(w, s, err) && write_pieces(g, w, s, err);

	if (ok)
		ok = fmt_sink_commit(s, n_bytes, err);
	else
		fmt_sink_abort(s);
	fmt_writer_destroy(w);
	return ok;
}

static bool eval_prompt(struct generation *g, struct fmt_err *err)
{
	double start = seconds();
	bool ok = g->o->logits ? eval_to_file(g, err)
	                       : infer_eval(g->run, g->prompt->ids, (uint32_t)g->prompt->n, false, g->logits, err);

	g->prompt_seconds = seconds() - start;
	return ok;
}

/* How many positions the cache should hold: what was asked for, or what prompt and -n need of the model's context; all of
 * it where there is no prompt. */
static bool choose_ctx(const struct cli_program *p, const struct options *o, const struct infer_model *m, uint64_t n,
                       uint32_t *n_ctx, struct fmt_err *err)
{
	uint64_t own = infer_n_ctx_train(m), want = o->n_ctx ? o->n_ctx : n && n + o->n < own ? n + o->n : own;

	if (want > UINT32_MAX - 1)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "a context of %" PRIu64 " tokens is too large", want);
	if (n > want)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET,
		                "the prompt has %" PRIu64 " tokens, the context %" PRIu64 ": shorten it, or raise --ctx", n,
		                want);
	if (want > own)
		cli_note(p, "a context of %" PRIu64 " tokens is more than the %" PRIu64 " the model was made for", want,
		         own);
	*n_ctx = (uint32_t)want;
	return true;
}

static void json_ids(struct cli_json *j, const char *key, const int32_t *ids, uint64_t n)
{
	cli_json_array(j, key);
	j->pretty = false;
	for (uint64_t i = 0; i < n; i++)
		cli_json_i64(j, NULL, ids[i]);
	cli_json_close(j, ']');
	j->pretty = true;
}

static void report_json(const struct generation *g, const char *path)
{
	struct cli_json j;

	cli_json_start(&j, stdout);
	cli_json_object(&j, NULL);
	cli_json_cstr(&j, "model", path);
	json_ids(&j, "prompt_ids", g->prompt->ids, g->prompt->n);
	json_ids(&j, "ids", g->ids, g->n);
	if (g->l->tokenizer)
		cli_json_str(&j, "text", (struct fmt_str){ g->text ? g->text : "", g->text_bytes });
	cli_json_cstr(&j, "stop", g->stop);
	cli_json_close(&j, '}');
	cli_json_end(&j);
}

static void report_speed(const struct generation *g)
{
	double prompt = g->prompt_seconds > 0 ? (double)g->prompt->n / g->prompt_seconds : 0;

	if (g->n)
		cli_note(g->program,
		         "prompt: %" PRIu64 " tokens, %.1f/s; generated: %zu tokens, %.1f/s, stopped by %s",
		         g->prompt->n, prompt, g->n, g->seconds > 0 ? (double)g->n / g->seconds : 0, g->stop);
	else
		cli_note(g->program, "prompt: %" PRIu64 " tokens, %.1f/s", g->prompt->n, prompt);
}

static bool echo_prompt(struct generation *g, struct fmt_err *err)
{
	char *text;
	size_t n;

	if (g->program->json || g->o->no_echo || g->o->chat.file || !g->l->tokenizer || !g->o->n)
		return true;
	if (!infer_detokenize(g->l->tokenizer, g->prompt->ids, g->prompt->n, true, &text, &n, err))
		return false;
	print_text(text, n);
	free(text);
	return true;
}

bool prepare_run(struct generation *g, uint32_t *n_ctx, struct fmt_err *err)
{
	struct infer_sampler_opts opts = { .temp = (float)g->o->temp, .top_k = (uint32_t)g->o->top_k,
		                           .top_p = (float)g->o->top_p, .min_p = (float)g->o->min_p, .seed = g->o->seed };
	uint32_t n_vocab = infer_n_vocab(g->l->model);

	if (!choose_ctx(g->program, g->o, g->l->model, g->prompt->n, n_ctx, err))
		return false;
	g->sampler = infer_sampler_create(&opts, n_vocab, err);
	g->run = g->sampler ? infer_run_create(g->l->model, *n_ctx, (uint32_t)g->o->n_batch, err) : NULL;
	g->logits = malloc(n_vocab * sizeof *g->logits);
	if (g->run && !g->logits)
		return fmt_fail_nomem(err, n_vocab * sizeof *g->logits);
	return g->run != NULL;
}

bool run_prompt(struct generation *g, const char *path, struct fmt_err *err)
{
	uint32_t n_ctx = 0;

	if (!prepare_run(g, &n_ctx, err) || !eval_prompt(g, err) || !echo_prompt(g, err) || !generate(g, n_ctx, err))
		return false;
	if (g->program->json)
		report_json(g, path);
	else if (g->o->n)
		putchar('\n');
	report_speed(g);
	return true;
}

void generation_finish(struct generation *g)
{
	free(g->ids);
	free(g->text);
	free(g->logits);
	infer_sampler_destroy(g->sampler);
	infer_run_destroy(g->run);
}
