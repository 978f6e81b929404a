/* Tiny GGUFs for tests that bind models: a Llama, of which a test changes what it is about. */
#ifndef GGUF_RECIPE_H
#define GGUF_RECIPE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <libfmt/write.h>

#include "bind.h"

enum { VOCAB = 10, D = 8, HEADS = 2, KV_HEADS = 1, DK = 4, FF = 12, EXPERTS = 3, CTX = 64, MAX_KEYS = 24, MAX_TENSORS = 24 };

/* The file about to be written: tests change a key or a tensor before. */
struct key {
	const char *name;
	enum fmt_kv_type type;
	double number;
	const char *text;
};

struct tensor {
	const char *name;
	uint64_t rows, cols; /* rows 0: a vector */
	uint64_t stack;      /* matrices; 0: no stack */
};

struct recipe {
	struct key keys[MAX_KEYS];
	struct tensor tensors[MAX_TENSORS];
	size_t n_keys, n_tensors;
};

static char path[64]; /* of the file that a test writes */

static const struct key usual_keys[] = {
	{ "general.architecture", FMT_KV_STR, 0, "llama" },
	{ "llama.block_count", FMT_KV_U32, 1, NULL },
	{ "llama.context_length", FMT_KV_U32, CTX, NULL },
	{ "llama.embedding_length", FMT_KV_U32, D, NULL },
	{ "llama.feed_forward_length", FMT_KV_U32, FF, NULL },
	{ "llama.attention.head_count", FMT_KV_U32, HEADS, NULL },
	{ "llama.attention.head_count_kv", FMT_KV_U32, KV_HEADS, NULL },
	{ "llama.attention.layer_norm_rms_epsilon", FMT_KV_F32, 1e-5, NULL },
};

static const struct tensor usual_tensors[] = {
	{ "token_embd.weight", VOCAB, D, 0 },
	{ "output_norm.weight", 0, D, 0 },
	{ "blk.0.attn_norm.weight", 0, D, 0 },
	{ "blk.0.attn_q.weight", HEADS * DK, D, 0 },
	{ "blk.0.attn_k.weight", KV_HEADS * DK, D, 0 },
	{ "blk.0.attn_v.weight", KV_HEADS * DK, D, 0 },
	{ "blk.0.attn_output.weight", D, HEADS * DK, 0 },
	{ "blk.0.ffn_norm.weight", 0, D, 0 },
	{ "blk.0.ffn_gate.weight", FF, D, 0 },
	{ "blk.0.ffn_up.weight", FF, D, 0 },
	{ "blk.0.ffn_down.weight", D, FF, 0 },
};

static inline struct recipe usual(void)
{
	struct recipe r = { .n_keys = sizeof usual_keys / sizeof *usual_keys,
		            .n_tensors = sizeof usual_tensors / sizeof *usual_tensors };

	memcpy(r.keys, usual_keys, sizeof usual_keys);
	memcpy(r.tensors, usual_tensors, sizeof usual_tensors);
	return r;
}

static inline struct key *key(struct recipe *r, const char *name)
{
	for (size_t i = 0; i < r->n_keys; i++)
		if (!strcmp(r->keys[i].name, name))
			return &r->keys[i];
	assert_true(r->n_keys < MAX_KEYS);
	r->keys[r->n_keys] = (struct key){ .name = name, .type = FMT_KV_F32 };
	return &r->keys[r->n_keys++];
}

static inline struct tensor *tensor(struct recipe *r, const char *name)
{
	for (size_t i = 0; i < r->n_tensors; i++)
		if (!strcmp(r->tensors[i].name, name))
			return &r->tensors[i];
	assert_true(r->n_tensors < MAX_TENSORS);
	r->tensors[r->n_tensors] = (struct tensor){ .name = name };
	return &r->tensors[r->n_tensors++];
}

static inline void drop_tensor(struct recipe *r, const char *name)
{
	struct tensor *t = tensor(r, name);

	*t = r->tensors[--r->n_tensors];
}

static inline void drop_key(struct recipe *r, const char *name)
{
	struct key *k = key(r, name);

	*k = r->keys[--r->n_keys];
}

static inline void put(struct recipe *r, const char *name, enum fmt_kv_type type, double number, const char *text)
{
	*key(r, name) = (struct key){ name, type, number, text };
}

static inline void put_key(struct fmt_writer *w, const struct key *k, struct fmt_err *err)
{
	struct fmt_kv kv = { .key = { k->name, strlen(k->name) }, .value = { .type = k->type } };

	if (k->type == FMT_KV_ARR) { /* of flags: the bytes of `text` */
		kv.value.elem = FMT_KV_BOOL;
		kv.value.n = (uint64_t)k->number;
		kv.value.as.data = k->text;
	} else if (k->type == FMT_KV_STR)
		kv.value.as.s = (struct fmt_str){ k->text, strlen(k->text) };
	else if (k->type == FMT_KV_F32)
		kv.value.as.f = (double)(float)k->number;
	else if (k->type == FMT_KV_BOOL)
		kv.value.as.b = k->number != 0;
	else
		kv.value.as.u = (uint64_t)k->number;
	assert_true(fmt_writer_kv(w, &kv, err));
}

/* Writes the file. Elements lie between -0.5 and 0.5; those of rope_freqs are 1, 2, 3 ... */
static inline void write_gguf(const struct recipe *r)
{
	struct fmt_err err = { 0 };
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_GGUF, &err);
	struct fmt_sink *s;
	uint64_t n_bytes;
	uint32_t index;

	for (size_t i = 0; i < r->n_keys; i++)
		put_key(w, &r->keys[i], &err);
	for (size_t i = 0; i < r->n_tensors; i++) {
		const struct tensor *t = &r->tensors[i];
		uint64_t dims[3] = { t->stack, t->rows, t->cols };
		uint32_t skip = t->stack ? 0 : t->rows ? 1 : 2;

		assert_true(fmt_writer_tensor(w, (struct fmt_str){ t->name, strlen(t->name) }, FMT_F32, 3 - skip, dims + skip,
		                              &index, &err));
	}
	assert_true(fmt_writer_layout(w, &n_bytes, &err));
	s = fmt_sink_create(path, true, &err);
	assert_true(s && fmt_writer_header(w, s, &err));
	for (size_t i = 0; i < r->n_tensors; i++) {
		uint64_t n = fmt_writer_bytes(w, (uint32_t)i) / sizeof(float);
		float *x = calloc(n + 1, sizeof *x);

		assert_non_null(x);
		for (uint64_t j = 0; j < n; j++)
			x[j] = strcmp(r->tensors[i].name, "rope_freqs.weight") ? (float)(j * 7919 % 101) / 100 - 0.5f : 1 + (float)j;
		assert_true(fmt_writer_data(w, s, (uint32_t)i, 0, x, n * sizeof *x, &err));
		free(x);
	}
	assert_true(fmt_sink_commit(s, n_bytes, &err));
	fmt_writer_destroy(w);
}

struct opened {
	struct fmt_view *view;
	struct infer_model *m;
};

static inline struct opened open_model(const struct recipe *r, struct fmt_err *err)
{
	struct opened o = { 0 };

	write_gguf(r);
	o.view = fmt_view_open(path, NULL, err);
	if (o.view)
		o.m = infer_model_create(o.view, NULL, err);
	return o;
}

static inline void close_model(struct opened *o)
{
	infer_model_destroy(o->m);
	fmt_view_close(o->view);
}

/* The model cannot be made, and the line says why. */
static inline void refused(const struct recipe *r, enum fmt_code code, const char *words)
{
	struct fmt_err err = { 0 };
	struct opened o = open_model(r, &err);

	if (o.m || err.code != code || !strstr(err.msg, words))
		fail_msg("%s: code %d, '%s'; not '%s'", o.m ? "accepted" : "refused", (int)err.code, err.msg, words);
	assert_string_equal(err.file, path);
	close_model(&o);
}

/* Before and after a group of tests. */
static inline int make_path(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/test_bind.XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static inline int drop_path(void **state)
{
	(void)state;
	return unlink(path);
}

#endif
