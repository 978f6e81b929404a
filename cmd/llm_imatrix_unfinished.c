/* llm-imatrix --save-every and --resume: work that goes on where it stopped, to the same bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libfmt/digest.h>

#include "llm_imatrix.h"

bool unfinished_init(struct unfinished *u, const char *output, struct fmt_err *err)
{
	size_t n = strlen(output) + sizeof ".partial";

	*u = (struct unfinished){ .path = malloc(n) };
	if (!u->path)
		return fmt_fail_nomem(err, n);
	snprintf(u->path, n, "%s.partial", output);
	return true;
}

void unfinished_finish(struct unfinished *u)
{
	free(u->path);
	free(u->work);
}

bool unfinished_is_there(const struct unfinished *u)
{
	return access(u->path, F_OK) == 0;
}

/* The tokens stand for the text, the tokenizer, and what was asked of both. */
bool unfinished_describe(struct unfinished *u, const char *model, const struct infer_windows *w, bool with_output,
                         const struct cli_list *merge, struct fmt_err *err)
{
	struct fmt_digest *d = fmt_digest_create();
	char hex[FMT_DIGEST_HEX];
	size_t n_bytes;
	FILE *f = d ? open_memstream(&u->work, &n_bytes) : NULL;

	if (f) {
		fmt_digest_add(d, w->ids, (size_t)(w->n_windows * w->step) * sizeof *w->ids);
		fmt_digest_hex(d, hex);
		fprintf(f, "%s, %" PRIu64 " windows of %" PRIu32 " tokens, %s, first %" PRId32 "%s", model, w->n_windows, w->size, hex, w->bos,
		        with_output ? ", with the output" : "");
		for (size_t i = 0; i < merge->n; i++)
			fprintf(f, ", and %s", merge->items[i]);
	}
	fmt_digest_destroy(d);
	return (f && !fclose(f)) || fmt_fail_nomem(err, sizeof hex);
}

bool unfinished_save(const struct unfinished *u, struct fmt_imatrix_sums *sums, uint64_t n_done, struct fmt_err *err)
{
	struct fmt_sink *sink = fmt_sink_create(u->path, true, err);
	uint64_t n_bytes = 0;

	if (!sink)
		return false;
	sums->work = (struct fmt_str){ u->work, strlen(u->work) };
	sums->n_done = n_done;
	if (fmt_imatrix_sums_write(sums, FMT_IMATRIX_UNFINISHED, sink, &n_bytes, err))
		return fmt_sink_commit(sink, n_bytes, err);
	fmt_sink_abort(sink);
	return false;
}

bool unfinished_load(const struct unfinished *u, const struct infer_windows *w, struct fmt_imatrix_sums *sums, uint64_t *n_done,
                     struct fmt_err *err)
{
	struct fmt_imatrix *im = fmt_imatrix_open(u->path, err);
	bool ok = im != NULL;

	if (ok && !fmt_str_is(im->work, u->work))
		ok = fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "this is other work: %.*s; and not %s. Remove it, or give the options that it was "
		              "begun with", (int)im->work.n, im->work.p, u->work);
	if (ok && im->n_done >= w->n_windows)
		ok = fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "%" PRIu64 " windows are done, of %" PRIu64, im->n_done, w->n_windows);
	if (ok) {
		*n_done = im->n_done;
		ok = fmt_imatrix_sums_merge(sums, im, err);
	}
	fmt_imatrix_close(im);
	fmt_err_file(err, u->path);
	return ok;
}

void unfinished_remove(const struct unfinished *u)
{
	unlink(u->path);
}
