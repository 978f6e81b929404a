/* The output of st2gguf: written, checked where that is asked for, and given its name. A signal ends it in good order. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <libquant/transcode.h>

#include "st2gguf.h"
#include "st2gguf_verify.h"

/* The signal that asks for the end; 0: none. */
static atomic_int stop_signal;

const atomic_int *st2gguf_stop(void)
{
	return &stop_signal;
}

static void on_signal(int sig)
{
	atomic_store(&stop_signal, sig);
}

/* What the caller ignores stays ignored. */
void st2gguf_catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND | SA_RESTART }, old;

	sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &act, NULL);
}

void st2gguf_die_of_signal(void)
{
	int sig = atomic_load(&stop_signal);

	if (!sig)
		return;
	signal(sig, SIG_DFL);
	raise(sig);
}

static bool transcode(struct conversion *c, const struct write_opts *o, const struct quant_part *parts, struct fmt_err *err)
{
	struct cli_progress progress;
	struct quant_transcode t = {
		.view = c->view,
		.types = c->types,
		.weights = c->weights,
		.lora = c->adapters.lora,
		.effort = o->effort,
		.parts = parts,
		.n_parts = c->n_parts,
		.pool = c->pool,
		.allow_nonfinite = o->allow_nonfinite,
		.stop = &stop_signal,
		.progress = cli_progress_update,
		.progress_ctx = &progress,
	};
	bool ok;

	for (size_t i = 0; i < c->n_parts; i++)
		if (!fmt_writer_header(parts[i].writer, parts[i].sink, err))
			return false;
	cli_progress_start(&progress, c->program, "converting", NULL);
	ok = quant_transcode_run(&t, err);
	cli_progress_end(&progress);
	return ok;
}

/* At once rather than after an hour: an output that cannot fit is not begun. What it replaces stays until the end. */
static bool check_room(const struct conversion *c, const struct fmt_sink *sink, struct fmt_err *err)
{
	char need[32], room[32];
	uint64_t n_free;

	if (!fmt_sink_free_bytes(sink, &n_free) || c->file_bytes <= n_free)
		return true;
	fmt_fail(err, FMT_IO, FMT_NO_OFFSET, "needs %s, and its file system has %s free; make room, or name another place "
	         "with -o", cli_bytes(c->file_bytes, need), cli_bytes(n_free, room));
	fmt_err_file(err, c->output);
	return false;
}

/* All files are open at once, each with its directory, and once more where they are read back. */
static void allow_open_files(size_t n_parts)
{
	struct rlimit limit;
	rlim_t n = 64 + 3 * (rlim_t)n_parts;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= n)
		return;
	limit.rlim_cur = limit.rlim_max < n ? limit.rlim_max : n;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* else opening one says what is wrong */
}

/* The files in which the parts are written; `sinks` has them for the commit. */
static bool open_parts(const struct conversion *c, bool force, struct fmt_sink **sinks, struct quant_part *parts, struct fmt_err *err)
{
	allow_open_files(c->n_parts);
	for (size_t i = 0; i < c->n_parts; i++) {
		sinks[i] = fmt_sink_create(c->parts[i].path, force, err);
		if (!sinks[i])
			return false;
		parts[i] = (struct quant_part){ c->parts[i].writer, sinks[i], c->parts[i].first };
	}
	return true;
}

static bool write_parts(struct conversion *c, const struct write_opts *o, struct verify *v, struct fmt_sink **sinks,
                        struct quant_part *parts, uint64_t *n_bytes, struct fmt_err *err)
{
	if (!open_parts(c, o->force, sinks, parts, err) || !check_room(c, sinks[0], err) || !transcode(c, o, parts, err) ||
	    (v && !verify_run(v, c, sinks, err))) {
		for (size_t i = 0; i < c->n_parts; i++)
			fmt_sink_abort(sinks[i]);
		return false;
	}
	for (size_t i = 0; i < c->n_parts; i++)
		n_bytes[i] = c->parts[i].file_bytes;
	return fmt_sink_commit_all(sinks, n_bytes, c->n_parts, err);
}

bool st2gguf_write(struct conversion *c, const struct write_opts *o, struct verify *v, struct fmt_err *err)
{
	struct fmt_sink **sinks = calloc(c->n_parts, sizeof *sinks);
	struct quant_part *parts = calloc(c->n_parts, sizeof *parts);
	uint64_t *n_bytes = calloc(c->n_parts, sizeof *n_bytes);
	bool ok = sinks && parts && n_bytes;

	ok = ok ? write_parts(c, o, v, sinks, parts, n_bytes, err) : fmt_fail_nomem(err, c->n_parts * sizeof *parts);
	free(sinks);
	free(parts);
	free(n_bytes);
	return ok;
}
