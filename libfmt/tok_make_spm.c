/* tokenizer.model of SentencePiece as tokenizer.json: BPE or Unigram, its normalizer, its pieces' types.
 * Source: sentencepiece_model.proto and the library's own ids; transformers, convert_slow_tokenizer.py, for the steps. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/letters.h>
#include <libfmt/utf8.h>

#include "json_out.h"
#include "spm_model.h"
#include "tok_keys.h"
#include "tok_make.h"

#define META "\xe2\x96\x81"

static size_t char_bytes(struct fmt_str s, size_t at)
{
	uint32_t code;
	size_t n = fmt_utf8_char(s.p + at, s.n - at, &code);

	return n ? n : 1;
}

static uint32_t n_chars(struct fmt_str s)
{
	uint32_t n = 0;

	for (size_t at = 0; at < s.n; at += char_bytes(s, at))
		n++;
	return n;
}

/* Pieces that text can become: not <unk>, </s>, <0x0A>. */
static bool is_text(const struct spm_piece *p)
{
	return p->text.n && (p->type == TOK_NORMAL || p->type == TOK_USER_DEFINED);
}

/* Every way to make a piece of two others; `list` NULL: only counts. */
static uint64_t find_merges(const struct tok_make *m, const struct spm_model *s, struct made_merge *list)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < s->n; i++) {
		struct fmt_str t = s->pieces[i].text;

		for (size_t at = is_text(&s->pieces[i]) ? char_bytes(t, 0) : t.n; at < t.n; at += char_bytes(t, at)) {
			struct fmt_str left = { t.p, at }, right = { t.p + at, t.n - at };
			uint32_t a, b;

			if (!fmt_index_find(&m->ids, left, &a) || !fmt_index_find(&m->ids, right, &b) || !is_text(&s->pieces[a]) ||
			    !is_text(&s->pieces[b]))
				continue;
			if (list)
				list[n] = (struct made_merge){ left, right, (double)s->pieces[i].score, n_chars(left), n_chars(right),
				                               (uint64_t)a << 32 | b };
			n++;
		}
	}
	return n;
}

static void put_bpe(struct tok_make *m, const struct spm_model *s)
{
	uint64_t n = find_merges(m, s, NULL);
	struct made_merge *list = calloc(n + 1, sizeof *list);

	if (!list) {
		fmt_fail_nomem(m->err, n * sizeof *list);
		return;
	}
	fmt_buf_text(&m->out, "{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":");
	if (s->unk < s->n)
		json_out_str(&m->out, s->pieces[s->unk].text);
	else
		fmt_buf_text(&m->out, "null");
	fmt_buf_text(&m->out, ",\"fuse_unk\":true,\"byte_fallback\":");
	fmt_buf_text(&m->out, s->byte_fallback ? "true,\"vocab\":{" : "false,\"vocab\":{");
	for (uint64_t i = 0; i < s->n; i++) {
		fmt_buf_text(&m->out, i ? ",\n" : "\n");
		json_out_str(&m->out, s->pieces[i].text);
		fmt_buf_text(&m->out, ":");
		json_out_u64(&m->out, i);
	}
	fmt_buf_text(&m->out, "}");
	find_merges(m, s, list);
	make_merges(m, list, n);
	fmt_buf_text(&m->out, "}");
	free(list);
}

static void put_unigram(struct tok_make *m, const struct spm_model *s)
{
	char number[40];

	fmt_buf_text(&m->out, "{\"type\":\"Unigram\",\"unk_id\":");
	if (s->unk < s->n)
		json_out_u64(&m->out, s->unk);
	else
		fmt_buf_text(&m->out, "null");
	fmt_buf_text(&m->out, s->byte_fallback ? ",\"byte_fallback\":true,\"vocab\":[" : ",\"byte_fallback\":false,\"vocab\":[");
	for (uint64_t i = 0; i < s->n; i++) {
		fmt_buf_text(&m->out, i ? ",\n[" : "\n[");
		json_out_str(&m->out, s->pieces[i].text);
		snprintf(number, sizeof number, ",%.17g]", (double)s->pieces[i].score);
		fmt_buf_text(&m->out, number);
	}
	fmt_buf_text(&m->out, "]}");
}

static void put_charsmap(struct tok_make *m, struct fmt_str map)
{
	char *text = malloc(map.n / 3 * 4 + 4);

	if (!text) {
		fmt_fail_nomem(m->err, map.n);
		return;
	}
	fmt_buf_text(&m->out, "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"");
	fmt_buf_bytes(&m->out, text, fmt_base64_encode((const uint8_t *)map.p, map.n, text));
	fmt_buf_text(&m->out, "\"},");
	free(text);
}

/* Spaces become U+2581, and one is put before whatever is not empty, between special tokens too, as transformers' first
 * conversion has it and llama.cpp still does. Nothing is cut at them: SentencePiece does not, either. */
static void put_steps(struct tok_make *m, const struct spm_model *s)
{

	make_member(m, "normalizer");
	fmt_buf_text(&m->out, "{\"type\":\"Sequence\",\"normalizers\":[");
	if (s->charsmap.n)
		put_charsmap(m, s->charsmap);
	if (s->remove_spaces)
		fmt_buf_text(&m->out, "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\\\\A +| +\\\\z\"},\"content\":\"\"},"
		                      "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\" \"},");
	if (s->dummy_prefix)
		fmt_buf_text(&m->out, "{\"type\":\"Prepend\",\"prepend\":\"" META "\"},");
	fmt_buf_text(&m->out, "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" META "\"}]}");
	make_member(m, "pre_tokenizer");
	fmt_buf_text(&m->out, "null");
	make_member(m, "decoder");
	fmt_buf_text(&m->out, "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"" META "\"},\"content\":"
	                      "\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}");
	fmt_buf_text(&m->out, s->dummy_prefix ? ",{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}]}" : "]}");
}

/* Classes that number the pieces otherwise than the file does. */
static bool check_class(struct tok_make *m)
{
	static const char *const other[] = { "XLMRoberta", "Camembert", "MBart", "Pegasus", "BigBird", "Barthez", "XGLM", "NllbTokenizer",
	                                     "DebertaV2", "M2M100" };
	struct fmt_str class = make_config_str(m, "tokenizer_class");

	for (size_t i = 0; class.p && i < sizeof other / sizeof *other; i++)
		if (fmt_str_starts(class, other[i]))
			return fmt_fail(m->err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "there is no tokenizer.json, and '%.*s' numbers the pieces of "
			                "tokenizer.model otherwise than the file; " TOK_HOW_TO_GET, class.n > 60 ? 60 : (int)class.n, class.p);
	return true;
}

/* T5's <extra_id_N>, which stand behind the pieces, the last first. */
static void put_extra_ids(struct tok_make *m)
{
	uint64_t n = 100;
	char text[32];

	json_u64(json_get(hf_json(m->d, HF_TOKENIZER_CONFIG), "extra_ids"), &n);
	for (uint64_t i = 0; i < n && n <= 10000; i++) {
		snprintf(text, sizeof text, "<extra_id_%u>", (unsigned)(n - 1 - i));
		make_added(m, (struct made_token){
			.id = m->n_vocab + i, .text = fmt_arena_str(m->mem, (struct fmt_str){ text, strlen(text) }, m->err), .special = true });
	}
}

static bool read_pieces(struct tok_make *m, const struct spm_model *s)
{
	for (uint64_t i = 0; i < s->n; i++) {
		const struct spm_piece *p = &s->pieces[i];

		if (!isfinite(p->score))
			return fmt_fail(m->err, FMT_NONFINITE, FMT_NO_OFFSET, "the score of a piece is not a number");
		if (fmt_index_add(&m->ids, p->text, (uint32_t)i, m->err) != FMT_INDEX_ADDED)
			return m->err->code ? false : fmt_fail(m->err, FMT_MALFORMED, FMT_NO_OFFSET, "two pieces of one text");
		if (p->type == TOK_CONTROL || p->type == TOK_USER_DEFINED || p->type == TOK_UNKNOWN)
			make_added(m, (struct made_token){ .id = i, .text = p->text, .special = p->type != TOK_USER_DEFINED });
	}
	m->n_vocab = s->n;
	if (fmt_str_starts(make_config_str(m, "tokenizer_class"), "T5"))
		put_extra_ids(m);
	return !m->err->code;
}

bool tok_make_spm(struct tok_make *m)
{
	const struct hf_file *f = &m->d->file[HF_TOKENIZER_MODEL];
	struct spm_model s;
	bool ok = spm_model_read(m->mem, f->text, &s, m->err);

	if (ok && s.kind != SPM_BPE && s.kind != SPM_UNIGRAM)
		ok = fmt_fail(m->err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "a SentencePiece model of words or characters");
	ok = ok && check_class(m) && read_pieces(m, &s);
	if (ok) {
		m->bos = s.bos < s.n ? s.pieces[s.bos].text : m->bos;
		m->eos = s.eos < s.n ? s.pieces[s.eos].text : m->eos;
		m->add_bos = s.kind == SPM_BPE;
		m->add_eos = s.kind == SPM_UNIGRAM;
		put_steps(m, &s);
		make_member(m, "model");
		if (s.kind == SPM_BPE)
			put_bpe(m, &s);
		else
			put_unigram(m, &s);
	}
	fmt_err_file(m->err, f->path);
	return !m->err->code;
}
