/* A Hugging Face directory: its small files read and parsed, its weights opened as one model. */
#ifndef FMT_HF_DIR_H
#define FMT_HF_DIR_H

#include <libfmt/json.h>
#include <libfmt/model.h>

#include "arena.h"

enum hf_file_id {
	HF_CONFIG,           /* config.json */
	HF_GENERATION,       /* generation_config.json */
	HF_MODEL_CARD,       /* README.md */
	HF_TOKENIZER,        /* tokenizer.json */
	HF_TOKENIZER_CONFIG, /* tokenizer_config.json */
	HF_ADDED_TOKENS,     /* added_tokens.json */
	HF_TOKENIZER_MODEL,  /* tokenizer.model */
	HF_SPECIAL_MAP,      /* special_tokens_map.json */
	HF_VOCAB,            /* vocab.json; this and the next three only where there is no tokenizer.json */
	HF_MERGES,           /* merges.txt */
	HF_TIKTOKEN,         /* o200k_base.tiktoken and others */
	HF_TEKKEN,           /* tekken.json */
	HF_CHAT_TEMPLATE,    /* chat_template.jinja */
	HF_CHAT_TEMPLATE_JSON, /* chat_template.json */
	HF_QUANT_CONFIG,     /* hf_quant_config.json: ModelOpt's settings, where config.json has none */
	HF_ADAPTER,          /* adapter_config.json; of an adapter's directory only */
	HF_FILE_COUNT
};

struct hf_file {
	bool there;
	bool made;             /* tokenizer.json: there is none, it was made of other files (tok_make.h) */
	const char *path;
	struct fmt_str text;   /* all of its bytes, with a NUL behind them */
	struct json_doc *json; /* of those that are JSON */
};

/* additional_chat_templates/NAME.jinja */
struct hf_template {
	struct fmt_str name, text;
};

struct hf_dir {
	const char *path; /* of the directory */
	const char *name; /* its own name, as the system knows it: "Llama-3.2-1B" for "." too */
	struct hf_file file[HF_FILE_COUNT];
	struct hf_template *templates; /* beside chat_template.jinja, by name */
	uint64_t n_templates;
	struct fmt_model *weights; /* NULL if not asked for */
};

/* Opens `path`: a directory, or a weights file that has config.json beside it.
 * mem       takes the texts and names
 * weights   open them; false: only the small files
 * tokenizer read the tokenizer's files too; with neither weights nor config.json, one of them is enough
 * On failure *err is set and names the file; hf_dir_close is due in every case. */
bool hf_dir_open(struct hf_dir *d, struct fmt_arena *mem, const char *path, bool weights, bool tokenizer,
                 struct fmt_err *err);
void hf_dir_close(struct hf_dir *d);

/* Without weights: `path` is a directory, or a file that is taken as config.json whatever its name, and then alone. */
bool hf_dir_open_config(struct hf_dir *d, struct fmt_arena *mem, const char *path, bool tokenizer, struct fmt_err *err);

/* Some of the small files alone, there or not; config.json need not be. */
bool hf_dir_open_files(struct hf_dir *d, struct fmt_arena *mem, const char *path, const enum hf_file_id *ids, size_t n,
                       struct fmt_err *err);

/* The root of a file that is JSON; NULL if there is no such file. hf_json_own: also if it was made. */
const struct json *hf_json(const struct hf_dir *d, enum hf_file_id id);
const struct json *hf_json_own(const struct hf_dir *d, enum hf_file_id id);

/* The path of a file, there or not, for messages. */
const char *hf_file_path(const struct hf_dir *d, enum hf_file_id id);

#endif
