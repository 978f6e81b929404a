/* Which tokens end a text or a turn. */
#include "tok_table.h"

static void mark(struct infer_tokenizer *t, const struct fmt_view *v, const char *key)
{
	const struct fmt_value *value = fmt_view_get(v, key);
	int64_t id = !value ? -1 : value->type == FMT_KV_U32 ? (int64_t)value->as.u : value->type == FMT_KV_I32 ? value->as.i : -1;

	if (id >= 0 && (uint64_t)id < t->n_entries)
		t->entries[id].ends = true;
}

void tok_mark_ends(struct infer_tokenizer *t, const struct fmt_view *v)
{
	static const char *const texts[] = {
		"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<|eom_id|>",
		"<EOT>", "_<EOT>", "<|eot|>", "<|return|>", "<|call|>", "<eos>",
		"<｜end▁of▁sentence｜>",
	};

	if (v) {
		mark(t, v, "tokenizer.ggml.eos_token_id");
		mark(t, v, "tokenizer.ggml.eot_token_id");
		mark(t, v, "tokenizer.ggml.eom_token_id");
	}
	for (size_t i = 0; i < t->n_added; i++)
		for (size_t k = 0; t->added[i].special && k < sizeof texts / sizeof *texts; k++)
			if (fmt_str_is(t->entries[t->added[i].id].text, texts[k]))
				t->entries[t->added[i].id].ends = true;
}
