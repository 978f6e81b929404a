/* The output of st2gguf: written, checked where that is asked for, and given its name. A signal ends it in good order. */
#include <signal.h>
#include <string.h>

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

static bool transcode(struct conversion *c, const struct write_opts *o, struct fmt_sink *sink, struct fmt_err *err)
{
	struct cli_progress progress;
	struct quant_transcode t = {
		.view = c->view,
		.types = c->types,
		.weights = c->weights,
		.lora = c->adapters.lora,
		.effort = o->effort,
		.writer = c->writer,
		.sink = sink,
		.pool = c->pool,
		.allow_nonfinite = o->allow_nonfinite,
		.stop = &stop_signal,
		.progress = cli_progress_update,
		.progress_ctx = &progress,
	};
	bool ok;

	if (!fmt_writer_header(c->writer, sink, err))
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

bool st2gguf_write(struct conversion *c, const struct write_opts *o, struct verify *v, struct fmt_err *err)
{
	struct fmt_sink *sink = fmt_sink_create(c->output, o->force, err);

	if (!sink)
		return false;
	if (!check_room(c, sink, err) || !transcode(c, o, sink, err) || (v && !verify_run(v, c, sink, err))) {
		fmt_sink_abort(sink);
		return false;
	}
	return fmt_sink_commit(sink, c->file_bytes, err);
}

