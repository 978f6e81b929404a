/* A model and its tokenizer. See loaded.h. */
#include "loaded.h"

bool load(struct loaded *l, const char *path, const struct cli_list *loras, bool need_text, struct quant_pool *pool, struct fmt_err *err)
{
	struct fmt_err no_tokenizer = { 0 };

	l->view = fmt_view_open(path, NULL, err);
	if (!l->view)
		return false;
	need_text = need_text && !l->view->is_adapter; /* that it has no tokenizer is not what is wrong with it */
	l->tokenizer = infer_tokenizer_create(l->view, need_text ? err : &no_tokenizer);
	if (!l->tokenizer && need_text) {
		fmt_err_file(err, path);
		return false;
	}
	if (loras && !adapters_open(&l->adapters, l->view, loras, err))
		return false;
	l->model = (l->with_next ? infer_model_create_next : infer_model_create_adapted)(l->view, l->adapters.lora, pool, err);
	return l->model != NULL;
}

void unload(struct loaded *l)
{
	infer_model_destroy(l->model);
	infer_tokenizer_destroy(l->tokenizer);
	adapters_close(&l->adapters);
	fmt_view_close(l->view);
}
