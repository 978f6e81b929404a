/* A tokenizer.json made from other files: what all sources share. See tok_make.h.
 * Sources: transformers, tokenization_utils_base.py and convert_slow_tokenizer.py, for which file says what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/pre.h>

#include "json_out.h"
#include "limit.h"
#include "tok_make.h"

struct fmt_str make_config_str(const struct tok_make *m, const char *key)
{
	const struct json *j = json_get(hf_json(m->d, HF_TOKENIZER_CONFIG), key);

	return json_is(j, JSON_OBJECT) ? json_str(json_get(j, "content")) : json_str(j);
}

bool make_config_flag(const struct tok_make *m, const char *key, bool absent)
{
	json_bool(json_get(hf_json(m->d, HF_TOKENIZER_CONFIG), key), &absent);
	return absent;
}

void make_added(struct tok_make *m, struct made_token t)
{
	uint64_t i = 0;

	while (i < m->n_added && m->added[i].id != t.id)
		i++;
	if (i == m->n_added) {
		if (i == m->cap_added) {
			uint64_t cap = i ? 2 * i : 64;
			struct made_token *grown = fmt_arena_grow(m->mem, m->added, i, cap, sizeof *grown, m->err);

			if (!grown)
				return;
			m->added = grown;
			m->cap_added = cap;
		}
		m->n_added++;
	}
	m->added[i] = t;
}

void make_member(struct tok_make *m, const char *name)
{
	fmt_buf_text(&m->out, ",\n\"");
	fmt_buf_text(&m->out, name);
	fmt_buf_text(&m->out, "\":");
}

static void put_split(struct tok_make *m, struct fmt_str pattern)
{
	fmt_buf_text(&m->out, "{\"type\":\"Split\",\"pattern\":{\"Regex\":");
	json_out_str(&m->out, pattern);
	fmt_buf_text(&m->out, "},\"behavior\":\"Isolated\",\"invert\":false},");
}

/* The last step of byte-level BPE, and the decoder that undoes it. */
static bool put_byte_level(struct tok_make *m, bool prefix_space)
{
	fmt_buf_text(&m->out, "{\"type\":\"ByteLevel\",\"use_regex\":false,\"trim_offsets\":true,\"add_prefix_space\":");
	fmt_buf_text(&m->out, prefix_space ? "true}]}" : "false}]}");
	make_member(m, "decoder");
	fmt_buf_text(&m->out, "{\"type\":\"ByteLevel\",\"use_regex\":true,\"trim_offsets\":true,\"add_prefix_space\":true}");
	return !m->err->code;
}

bool make_split(struct tok_make *m, struct fmt_str pattern)
{
	make_member(m, "pre_tokenizer");
	fmt_buf_text(&m->out, "{\"type\":\"Sequence\",\"pretokenizers\":[");
	put_split(m, pattern);
	return put_byte_level(m, false);
}

bool make_splits(struct tok_make *m, const char *pre, bool prefix_space)
{
	const struct fmt_pre *p = fmt_pre_find((struct fmt_str){ pre, strlen(pre) });

	if (!p)
		return fmt_fail(m->err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "there is no tokenizer.json, and how '%s' cuts text is not "
		                "known here", pre);
	make_member(m, "pre_tokenizer");
	fmt_buf_text(&m->out, "{\"type\":\"Sequence\",\"pretokenizers\":[");
	for (const char *const *e = p->patterns; *e; e++)
		put_split(m, (struct fmt_str){ *e, strlen(*e) });
	return put_byte_level(m, prefix_space);
}

static int by_score(const void *a, const void *b)
{
	const struct made_merge *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->n_left != y->n_left)
		return x->n_left > y->n_left ? -1 : 1;
	if (x->n_right != y->n_right)
		return x->n_right > y->n_right ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

void make_merges(struct tok_make *m, struct made_merge *list, uint64_t n)
{
	qsort(list, n, sizeof *list, by_score);
	fmt_buf_text(&m->out, ",\"merges\":[");
	for (uint64_t i = 0; i < n; i++) {
		fmt_buf_text(&m->out, i ? ",\n[" : "\n[");
		json_out_str(&m->out, list[i].left);
		fmt_buf_text(&m->out, ",");
		json_out_str(&m->out, list[i].right);
		fmt_buf_text(&m->out, "]");
	}
	fmt_buf_text(&m->out, "]");
}

static bool flag(const struct json *j, const char *key)
{
	bool value = false;

	json_bool(json_get(j, key), &value);
	return value;
}

/* "added_tokens_decoder": { "id": { "content": ..., "special": ... } } */
static void read_decoder(struct tok_make *m, const struct json *table)
{
	for (const struct json *j = json_first(table); j; j = json_next(j)) {
		struct fmt_str key = json_key(j), text = json_str(json_get(j, "content"));
		uint64_t id = 0;

		for (size_t i = 0; i < key.n && i < 10 && key.p[i] >= '0' && key.p[i] <= '9'; i++)
			id = id * 10 + (uint64_t)(key.p[i] - '0');
		if (text.n)
			make_added(m, (struct made_token){ .id = id, .text = text, .special = flag(j, "special"), .lstrip = flag(j, "lstrip"),
			                                   .rstrip = flag(j, "rstrip"), .single_word = flag(j, "single_word"),
			                                   .normalized = flag(j, "normalized") });
	}
}

/* A token that a config names as special: known by its text, in added_tokens.json or in the vocabulary. */
static void read_special(struct tok_make *m, const struct json *j)
{
	struct fmt_str text = json_is(j, JSON_OBJECT) ? json_str(json_get(j, "content")) : json_str(j);
	struct made_token t = { .text = text, .special = true };
	uint32_t id;

	if (!text.n)
		return;
	for (uint64_t i = 0; i < m->n_added; i++) {
		if (fmt_str_eq(m->added[i].text, text)) {
			m->added[i].special = true;
			m->added[i].normalized = false;
			return;
		}
	}
	if (!fmt_index_find(&m->ids, text, &id))
		return;
	t.id = id;
	if (json_is(j, JSON_OBJECT)) {
		t.lstrip = flag(j, "lstrip");
		t.rstrip = flag(j, "rstrip");
		t.single_word = flag(j, "single_word");
		t.normalized = flag(j, "normalized");
	}
	make_added(m, t);
}

static void read_specials(struct tok_make *m, const struct json *config)
{
	static const char *const names[] = { "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		read_special(m, json_get(config, names[i]));
	for (const struct json *j = json_first(json_get(config, "additional_special_tokens")); j; j = json_next(j))
		read_special(m, j);
}

/* Newer files list all added tokens in tokenizer_config.json; older ones have { "text": id } in added_tokens.json, and say in
 * one of two files which are special. */
static void read_added(struct tok_make *m)
{
	const struct json *config = hf_json(m->d, HF_TOKENIZER_CONFIG), *table = json_get(config, "added_tokens_decoder");
	uint64_t id;

	if (json_is(table, JSON_OBJECT)) {
		read_decoder(m, table);
		return;
	}
	for (const struct json *j = json_first(hf_json(m->d, HF_ADDED_TOKENS)); j; j = json_next(j))
		if (json_u64(j, &id) && json_key(j).n)
			make_added(m, (struct made_token){ .id = id, .text = json_key(j), .normalized = true });
	read_specials(m, config);
	read_specials(m, hf_json(m->d, HF_SPECIAL_MAP));
}

static int by_id(const void *a, const void *b)
{
	const struct made_token *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static void put_flag(struct tok_make *m, const char *name, bool value)
{
	fmt_buf_text(&m->out, ",\"");
	fmt_buf_text(&m->out, name);
	fmt_buf_text(&m->out, value ? "\":true" : "\":false");
}

static void put_added(struct tok_make *m)
{
	if (m->n_added)
		qsort(m->added, m->n_added, sizeof *m->added, by_id);
	make_member(m, "added_tokens");
	fmt_buf_text(&m->out, "[");
	for (uint64_t i = 0; i < m->n_added; i++) {
		const struct made_token *t = &m->added[i];

		fmt_buf_text(&m->out, i ? ",\n{\"id\":" : "\n{\"id\":");
		json_out_u64(&m->out, t->id);
		fmt_buf_text(&m->out, ",\"content\":");
		json_out_str(&m->out, t->text);
		put_flag(m, "single_word", t->single_word);
		put_flag(m, "lstrip", t->lstrip);
		put_flag(m, "rstrip", t->rstrip);
		put_flag(m, "normalized", t->normalized);
		put_flag(m, "special", t->special);
		fmt_buf_text(&m->out, "}");
	}
	fmt_buf_text(&m->out, "]");
}

static bool find_id(const struct tok_make *m, struct fmt_str text, uint64_t *id)
{
	uint32_t known;

	for (uint64_t i = 0; i < m->n_added; i++) {
		if (fmt_str_eq(m->added[i].text, text)) {
			*id = m->added[i].id;
			return true;
		}
	}
	if (!fmt_index_find(&m->ids, text, &known))
		return false;
	*id = known;
	return true;
}

static void put_special(struct tok_make *m, struct fmt_str text)
{
	fmt_buf_text(&m->out, "{\"SpecialToken\":{\"id\":");
	json_out_str(&m->out, text);
	fmt_buf_text(&m->out, ",\"type_id\":0}}");
}

static void put_sequence(struct tok_make *m, const char *letter, struct fmt_str bos, struct fmt_str eos)
{
	if (bos.n)
		put_special(m, bos);
	fmt_buf_text(&m->out, bos.n ? ",{\"Sequence\":{\"id\":\"" : "{\"Sequence\":{\"id\":\"");
	fmt_buf_text(&m->out, letter);
	fmt_buf_text(&m->out, "\",\"type_id\":0}}");
	if (eos.n) {
		fmt_buf_text(&m->out, ",");
		put_special(m, eos);
	}
}

static void put_ids(struct tok_make *m, struct fmt_str text, uint64_t id, bool more)
{
	if (!text.n)
		return;
	json_out_str(&m->out, text);
	fmt_buf_text(&m->out, ":{\"id\":");
	json_out_str(&m->out, text);
	fmt_buf_text(&m->out, ",\"ids\":[");
	json_out_u64(&m->out, id);
	fmt_buf_text(&m->out, "],\"tokens\":[");
	json_out_str(&m->out, text);
	fmt_buf_text(&m->out, more ? "]}," : "]}");
}

/* What is put around a text. */
static void put_template(struct tok_make *m)
{
	struct fmt_str bos = make_config_str(m, "bos_token"), eos = make_config_str(m, "eos_token");
	uint64_t bos_id = 0, eos_id = 0;

	bos = bos.p ? bos : m->bos;
	eos = eos.p ? eos : m->eos;
	if (!make_config_flag(m, "add_bos_token", m->add_bos) || !find_id(m, bos, &bos_id))
		bos = (struct fmt_str){ "", 0 };
	if (!make_config_flag(m, "add_eos_token", m->add_eos) || !find_id(m, eos, &eos_id))
		eos = (struct fmt_str){ "", 0 };
	make_member(m, "post_processor");
	if (!bos.n && !eos.n) {
		fmt_buf_text(&m->out, "null");
		return;
	}
	fmt_buf_text(&m->out, "{\"type\":\"TemplateProcessing\",\"single\":[");
	put_sequence(m, "A", bos, eos);
	fmt_buf_text(&m->out, "],\"pair\":[");
	put_sequence(m, "A", bos, eos);
	fmt_buf_text(&m->out, ",");
	put_sequence(m, "B", bos, eos);
	fmt_buf_text(&m->out, "],\"special_tokens\":{");
	put_ids(m, bos, bos_id, eos.n && !fmt_str_eq(bos, eos));
	if (!fmt_str_eq(bos, eos))
		put_ids(m, eos, eos_id, false);
	fmt_buf_text(&m->out, "}}");
}

static bool finish(struct tok_make *m, struct hf_dir *d)
{
	struct hf_file *f = &d->file[HF_TOKENIZER];
	char *text;

	read_added(m);
	put_added(m);
	put_template(m);
	fmt_buf_text(&m->out, "}\n");
	m->mem->limit_bytes += 2 * m->out.n;
	text = m->err->code ? NULL : fmt_arena_bytes(m->mem, m->out.p, m->out.n, m->err);
	if (!text)
		return false;
	f->text = (struct fmt_str){ text, m->out.n };
	f->json = json_parse(text, m->out.n, m->err);
	f->there = f->made = f->json != NULL;
	return f->there;
}

static bool is_spm(struct fmt_str s)
{
	return s.n && s.p[0] == '\n'; /* the first piece: field 1, of bytes. No line of base64 begins so */
}

bool tok_make(struct hf_dir *d, struct fmt_arena *mem, const char *pre, struct fmt_err *err)
{
	struct tok_make m = { .d = d, .mem = mem, .err = err };
	bool ok = true, any = true;

	if (d->file[HF_TOKENIZER].there)
		return true;
	fmt_buf_init(&m.out, err);
	fmt_index_init(&m.ids);
	fmt_buf_text(&m.out, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null");
	if (d->file[HF_TEKKEN].there)
		ok = tok_make_tekken(&m, pre);
	else if (d->file[HF_TOKENIZER_MODEL].there && is_spm(d->file[HF_TOKENIZER_MODEL].text))
		ok = tok_make_spm(&m);
	else if (d->file[HF_TOKENIZER_MODEL].there)
		ok = tok_make_tiktoken(&m, HF_TOKENIZER_MODEL, pre);
	else if (d->file[HF_TIKTOKEN].there)
		ok = tok_make_tiktoken(&m, HF_TIKTOKEN, pre);
	else if (d->file[HF_VOCAB].there && d->file[HF_MERGES].there)
		ok = tok_make_vocab(&m, pre);
	else
		any = false;
	ok = ok && (!any || finish(&m, d));
	fmt_index_finish(&m.ids);
	fmt_buf_finish(&m.out);
	return ok;
}
