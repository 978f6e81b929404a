/* st2gguf --imatrix-from: the importance matrix that llm-imatrix would write of the source and a text, in memory. */
#include <stdlib.h>
#include <string.h>

#include <libfmt/imatrix_sums.h>
#include <libinfer/importance.h>

#include "st2gguf.h"

#define WINDOW 512              /* llm-imatrix's, whatever the model was made for */
#define AS_FILE "imatrix.gguf"  /* what the keys of the output call it */

static bool tokenize(const struct conversion *c, const char *path, struct infer_tokens *ids, int32_t *bos, struct fmt_err *err)
{
	struct infer_tokenizer *t = infer_tokenizer_create(c->view, err);
	size_t n = 0;
	char *text = t ? cli_read(path, &n, err) : NULL;
	bool ok = text && infer_tokenize(t, text, n, INFER_TOK_ADD_SPECIAL, ids, err) && infer_windows_bos(t, bos, err);

	if (ok)
		cli_note_text(c->program, path, text, n);
	free(text);
	infer_tokenizer_destroy(t);
	return ok;
}

static bool run(const struct conversion *c, struct infer_windows *w, struct fmt_imatrix_sums *sums, struct fmt_err *err)
{
	struct infer_model *m = infer_model_create_next(c->view, c->adapters.lora, c->pool, err);
	struct infer_run *r = m ? infer_run_create(m, w->size, 0, err) : NULL;
	struct cli_progress progress;
	bool ok = r;

	if (ok) {
		cli_progress_start(&progress, c->program, "importance", "windows");
		w->progress = cli_progress_update;
		w->user = &progress;
		w->stop = st2gguf_stop();
		ok = infer_imatrix_collect(r, w, false, sums, err);
		cli_progress_end(&progress);
	}
	infer_run_destroy(r);
	infer_model_destroy(m);
	return ok;
}

static bool collect(const struct conversion *c, const char *path, uint64_t n_ctx, struct fmt_imatrix_sums *sums, struct fmt_err *err)
{
	struct infer_tokens ids = { 0 };
	struct infer_windows w;
	int32_t bos = -1;
	bool ok = tokenize(c, path, &ids, &bos, err) &&
	          infer_windows_init(&w, INFER_METHOD_LLAMA_CPP, ids.ids, ids.n, (uint32_t)n_ctx, 0, bos, err) && run(c, &w, sums, err);

	infer_tokens_finish(&ids);
	return ok;
}

/* A plan has an empty matrix of one window: its keys take as many bytes as those of any other. */
bool st2gguf_collect(struct conversion *c, const char *path, uint64_t n_ctx, bool dry_run, struct fmt_err *err)
{
	struct fmt_imatrix_sums *sums;
	bool ok;

	n_ctx = n_ctx ? n_ctx : WINDOW;
	sums = fmt_imatrix_sums_create((uint32_t)n_ctx, err);
	ok = sums && fmt_imatrix_sums_dataset(sums, (struct fmt_str){ path, strlen(path) }, err);
	if (ok && dry_run)
		sums->n_chunks = 1;
	else
		ok = ok && collect(c, path, n_ctx, sums, err);
	c->imatrix = ok ? fmt_imatrix_of_sums(sums, AS_FILE, err) : NULL;
	c->ask.imatrix = c->imatrix != NULL;
	fmt_imatrix_sums_destroy(sums);
	return c->imatrix != NULL;
}
