/* vocab.json and merges.txt as tokenizer.json: GPT-2's two files. They hold the vocabulary; how text is cut depends on the
 * class of the tokenizer. */
#include <string.h>

#include "json_out.h"
#include "tok_keys.h"
#include "tok_make.h"

/* By tokenizer_class without "Tokenizer" and "Fast", or model_type. */
static const struct {
	const char *class, *type, *pre;
	bool nfc, around; /* <s> ... </s> around a text */
} classes[] = {
	{ "GPT2", "gpt2", "gpt-2", false, false },
	{ "CodeGen", "codegen", "gpt-2", false, false },
	{ "Roberta", "roberta", "gpt-2", false, true },
	{ "Longformer", "longformer", "gpt-2", false, true },
	{ "Bart", "bart", "gpt-2", false, true },
	{ "Qwen2", "qwen2", "qwen2", true, false },
	{ "Qwen2", "qwen3", "qwen2", true, false },
	{ "Qwen2", "qwen2_moe", "qwen2", true, false },
	{ "Qwen2", "qwen3_moe", "qwen2", true, false },
};

static int find_class(struct fmt_str class, struct fmt_str type)
{
	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
		size_t n = strlen(classes[i].class);
		bool begins = fmt_str_starts(class, classes[i].class);
		struct fmt_str rest = begins ? (struct fmt_str){ class.p + n, class.n - n } : class;

		if (class.p ? begins && (fmt_str_is(rest, "Tokenizer") || fmt_str_is(rest, "TokenizerFast"))
		            : fmt_str_is(type, classes[i].type))
			return (int)i;
	}
	return -1;
}

static bool put_vocab(struct tok_make *m, const struct json *vocab)
{
	bool first = true;
	uint64_t id;

	if (!json_is(vocab, JSON_OBJECT))
		return fmt_fail(m->err, FMT_MALFORMED, FMT_NO_OFFSET, "expected an object");
	fmt_buf_text(&m->out, "{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,\"fuse_unk\":false,\"byte_fallback\":false,"
	                      "\"ignore_merges\":false,\"vocab\":{");
	for (const struct json *j = json_first(vocab); j; j = json_next(j)) {
		if (!json_u64(j, &id) || id > INT32_MAX)
			return fmt_fail(m->err, FMT_MALFORMED, FMT_NO_OFFSET, "expected whole numbers");
		if (fmt_index_add(&m->ids, json_key(j), (uint32_t)id, m->err) == FMT_INDEX_FAILED)
			return false;
		fmt_buf_text(&m->out, first ? "\n" : ",\n");
		first = false;
		json_out_str(&m->out, json_key(j));
		fmt_buf_text(&m->out, ":");
		json_out_u64(&m->out, id);
		m->n_vocab++;
	}
	fmt_buf_text(&m->out, "},\"merges\":[");
	return !m->err->code;
}

/* "a b" line by line; the first may say "#version: 0.2". */
static bool put_merges(struct tok_make *m, struct fmt_str text)
{
	bool first = true;

	for (size_t at = 0; at < text.n;) {
		const char *p = text.p + at, *end = memchr(p, '\n', text.n - at);
		struct fmt_str line = { p, end ? (size_t)(end - p) : text.n - at };

		at += line.n + 1;
		if (line.n && p[line.n - 1] == '\r')
			line.n--;
		if (!line.n || (p == text.p && fmt_str_starts(line, "#version")))
			continue;
		fmt_buf_text(&m->out, first ? "\n" : ",\n");
		first = false;
		json_out_str(&m->out, line);
	}
	fmt_buf_text(&m->out, "]}");
	return !m->err->code;
}

/* The special tokens that these classes have where no file names any. */
static void put_usual_specials(struct tok_make *m, bool around)
{
	static const char *const names[] = { "<|endoftext|>", "<s>", "<pad>", "</s>", "<unk>", "<mask>" };
	uint32_t id;

	for (size_t i = around ? 1 : 0; i < (around ? sizeof names / sizeof *names : 1); i++) {
		struct fmt_str text = { names[i], strlen(names[i]) };

		if (fmt_index_find(&m->ids, text, &id))
			make_added(m, (struct made_token){ .id = id, .text = text, .special = true, .lstrip = i == 5 });
	}
}

bool tok_make_vocab(struct tok_make *m, const char *pre)
{
	struct fmt_str class = make_config_str(m, "tokenizer_class");
	struct fmt_str type = json_str(json_get(hf_json(m->d, HF_CONFIG), "model_type"));
	int known = find_class(class, type);

	if (known < 0 && !pre)
		return fmt_fail(m->err, FMT_MISSING, FMT_NO_OFFSET, "there is no tokenizer.json, and vocab.json with merges.txt does not "
		                "say how text is cut (tokenizer_class '%.*s'); choose with --pre NAME, or " TOK_HOW_TO_GET,
		                class.n > 60 ? 60 : (int)class.n, class.n ? class.p : "");
	if (known >= 0 && classes[known].around) {
		m->bos = FMT_STR("<s>");
		m->eos = FMT_STR("</s>");
		m->add_bos = m->add_eos = true;
	}
	make_member(m, "normalizer");
	fmt_buf_text(&m->out, known >= 0 && classes[known].nfc ? "{\"type\":\"NFC\"}" : "null");
	if (!make_splits(m, pre ? pre : classes[known].pre, make_config_flag(m, "add_prefix_space", false)))
		return false;
	make_member(m, "model");
	if (!put_vocab(m, hf_json(m->d, HF_VOCAB)))
		fmt_err_file(m->err, hf_file_path(m->d, HF_VOCAB));
	put_usual_specials(m, known >= 0 && classes[known].around);
	return !m->err->code && put_merges(m, m->d->file[HF_MERGES].text);
}
