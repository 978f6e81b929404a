/* The splits behind the names in tokenizer.ggml.pre, as llama.cpp of August 2026 has them. The expressions are those of
 * the models' own tokenizer.json. */
#include <stddef.h>

#include <libfmt/pre.h>

#define WORDS_GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)"
#define SPACES     "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define CL(digits) \
	"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" SPACES
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define O200(digits, suffix) \
	"[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" suffix "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*" suffix "|" digits \
	"| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" SPACES
/* llama.cpp has another class for letters here. */
#define MARKS  "vowel signs and marks (Thai, Hindi, Tamil, vocalized Arabic) are cut off their letters"
#define SUFFIX "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"

/* The cased letters and the punctuation that DeepSeek LLM spells out. */
#define CASED_LETTERS \
	"A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓ" \
	"ʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-Ί" \
	"ΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-Ֆ" \
	"Ⴀ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿ" \
	"ᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕ" \
	"ἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώ" \
	"ᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐ" \
	"ῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇ" \
	"ℊ-ℓℕℙ-ℝℤΩℨK-ℭ" \
	"ℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄ" \
	"Ⰰ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭ" \
	"Ꚁ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿ" \
	"ﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏" \
	"𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟" \
	"𞤀-𞥃"
#define WIDE_PUNCTUATION "!-/:-~！-／：-～‘-‟　-。"
#define IDEOGRAPHS "[一-龥ࠀ-一가-퟿]+"
#define DEEPSEEK_WORDS \
	"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
#define KANA_AND_IDEOGRAPHS "[一-龥぀-ゟ゠-ヿ]+"
#define NO_HAN(set) "(?:(?!\\p{Han})" set ")"

static const struct fmt_pre
	gpt2 = { { WORDS_GPT2 }, false, false },
	digits_gpt2 = { { "\\p{N}", WORDS_GPT2 }, false, false },
	llama3 = { { CL("\\p{N}{1,3}") }, true, true },
	cl3 = { { CL("\\p{N}{1,3}") }, false, false },
	cl1 = { { CL("\\p{N}") }, false, false },
	qwen35 = { { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*"
	             SPACES }, false, false },
	o200 = { { O200("\\p{N}{1,3}", SUFFIX) }, false, false, .approximate = MARKS },
	tekken = { { O200("\\p{N}", "") }, true, true, .approximate = MARKS },
	falcon = { { "[\\p{P}\\$\\+<=>\\^~\\|`]+", WORDS_GPT2, "[0-9][0-9][0-9]" }, false, false },
	coder = { { "[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", IDEOGRAPHS, "\\p{N}" }, false, false },
	deepseek = { { "[\\r\\n]", "\\s?[" CASED_LETTERS "]+", "\\s?[" WIDE_PUNCTUATION "]+", "\\s+$", IDEOGRAPHS, "\\p{N}+" },
	             false, false },
	deepseek3 = { { "\\p{N}{1,3}", KANA_AND_IDEOGRAPHS, DEEPSEEK_WORDS " ?[\\p{P}\\p{S}]+[\\r\\n]*" SPACES }, false, false },
	spark = { { "\\p{N}{1,3}", KANA_AND_IDEOGRAPHS, DEEPSEEK_WORDS " ?[\\p{P}\\p{S}]+|[\\r\\n]|\\s+(?!\\S)|\\s+", "\\p{N}" },
	          false, false },
	/* digits in threes from the right */
	afmoe = { { "\\p{N}{1,3}(?=(?:\\p{N}{3})*(?!\\p{N}))",
	            "[一-鿿㐀-䶿豈-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+",
	            DEEPSEEK_WORDS " ?[\\p{P}\\p{S}]+[\\r\\n]*" SPACES }, false, false },
	aya = { { "\\d{1,3}(?=(?:\\d{3})*\\b)", O200("\\p{N}{1,3}", SUFFIX) }, false, false },
	superbpe = { { "\\p{N}+", "(?=(\\d{3})+(?!\\d))" }, false, false },
	o200_whole = { { O200("\\p{N}{1,3}", SUFFIX) }, true, false },
	youtu = { { "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+", O200("\\p{N}", SUFFIX) }, true, false },
	kimi = { { "[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?" NO_HAN(UPPER) "*" NO_HAN(LOWER) "+" SUFFIX
	           "|[^\\r\\n\\p{L}\\p{N}]?" NO_HAN(UPPER) "+" NO_HAN(LOWER) "*" SUFFIX
	           "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" SPACES }, false, false,
	         .approximate = "Chinese marks, numerals and radicals (々, 〇, 〡) do not go with the ideographs around them" },
	minicpm = { { "\\p{N}{1,3}", CL("\\p{N}+") }, true, false },
	lines_first = { { "[^\\n]+|[\\n]+", CL("\\p{N}") }, false, false },
	seed = { { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+" SPACES },
	         false, false },
	ling = { { "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]"
	           "|\\s+(?!\\S)|\\s+" }, false, false },
	exaone = { { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}"
	             "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+" }, false, false },
	no_short = { { "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" SPACES }, false, false },
	jais2 = { { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
	            "|\\s*[\\r\\n]+|\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)|\\s{32}(?!\\S)"
	            "|\\s{16}(?!\\S)|\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s{1}" }, false, false },
	chameleon = { { "<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", "([\\t\\n]|    |  )", "\\p{N}",
	                "[\\p{P}!-/:-@\\[-`{-~]", WORDS_GPT2 }, false, true },
	/* SentencePiece's way by rank: words are not parted */
	gemma = { { "[^\\n]+|[\\n]+" }, false, true, true, true },
	sarvam = { { "[^\\n]+|[\\n]+" }, false, false, true, false },
	bloom = { { " ?[^(\\s|.,!?\xe2\x80\xa6\xe3\x80\x82\xef\xbc\x8c\xe3\x80\x81\xe0\xa5\xa4\xdb\x94\xd8\x8c)]+" }, false, false },
	viking = { { " ?[^(\\s|.,!?\xe2\x80\xa6\xe3\x80\x82\xef\xbc\x8c\xe3\x80\x81\xe0\xa5\xa4\xdb\x94\xd8\x8c)]+", "\\p{N}" },
	           false, false },
	unnamed = { { "[\\p{P}\\$\\+<=>\\^~\\|]+", WORDS_GPT2, "\\p{N}+", "[0-9][0-9][0-9]" }, false, false };

static const struct {
	const char *name;
	const struct fmt_pre *pre;
} names[] = {
	{ "default", &unnamed },
	/* GPT-2's */
	{ "gpt-2", &gpt2 }, { "phi-2", &gpt2 }, { "roberta-bpe", &gpt2 }, { "jina-es", &gpt2 }, { "jina-de", &gpt2 },
	{ "jina-v1-en", &gpt2 }, { "jina-v2-es", &gpt2 }, { "jina-v2-de", &gpt2 }, { "jina-v2-code", &gpt2 },
	{ "gigachat", &gpt2 }, { "a.x-4.0", &gpt2 }, { "mellum", &gpt2 }, { "modern-bert", &gpt2 }, { "mpt", &gpt2 },
	{ "olmo", &gpt2 }, { "jais", &gpt2 }, { "trillion", &gpt2 }, { "granite-docling", &gpt2 }, { "exaone4", &gpt2 },
	/* digits one by one before it */
	{ "smollm", &digits_gpt2 }, { "starcoder", &digits_gpt2 }, { "refact", &digits_gpt2 },
	{ "command-r", &digits_gpt2 }, { "codeshell", &digits_gpt2 }, { "exaone", &digits_gpt2 },
	{ "minerva-7b", &digits_gpt2 }, { "mellum2", &digits_gpt2 },
	/* those of cl100k */
	{ "llama-bpe", &llama3 }, { "llama3", &llama3 }, { "llama-v3", &llama3 }, { "falcon3", &llama3 },
	{ "falcon-h1", &llama3 }, { "pixtral", &llama3 }, { "midm-2.0", &llama3 }, { "lfm2", &llama3 },
	{ "jina-v5-nano", &llama3 }, { "dbrx", &cl3 }, { "smaug-bpe", &cl3 }, { "chatglm-bpe", &cl3 }, { "glm4", &cl3 },
	{ "qwen2", &cl1 }, { "deepseek-r1-qwen", &cl1 }, { "kormo", &cl1 }, { "f2llmv2", &cl1 }, { "megrez", &cl1 },
	{ "stablelm2", &cl1 }, { "hunyuan", &cl1 }, { "solar-open", &cl1 }, { "grok-2", &cl1 }, { "qwen35", &qwen35 },
	/* those of o200k */
	{ "gpt-4o", &o200 }, { "llama4", &o200 }, { "kanana2", &o200 }, { "talkie", &o200 }, { "minimax-m2", &o200 },
	{ "tekken", &tekken },
	/* their own */
	{ "falcon", &falcon }, { "deepseek-llm", &deepseek }, { "deepseek-coder", &coder }, { "deepseek-v3", &deepseek3 },
	{ "hunyuan-dense", &deepseek3 }, { "joyai-llm", &deepseek3 }, { "hy_v4", &deepseek3 }, { "spark2_5", &spark },
	{ "afmoe", &afmoe }, { "bloom", &bloom }, { "poro-chat", &bloom }, { "gpt3-finnish", &bloom }, { "viking", &viking },
	{ "tiny_aya", &aya }, { "cohere2moe", &aya }, { "superbpe", &superbpe }, { "granite-embed-multi-97m", &o200_whole },
	{ "youtu", &youtu }, { "kimi-k2", &kimi }, { "minicpm5", &minicpm }, { "laguna", &lines_first }, { "seed-coder", &seed },
	{ "bailingmoe", &ling }, { "bailingmoe2", &ling }, { "llada-moe", &ling }, { "exaone-moe", &exaone },
	{ "ufakzeka", &no_short }, { "jais-2", &jais2 }, { "chameleon", &chameleon },
	{ "gemma4", &gemma }, { "granite-embed-multi-311m", &gemma }, { "sarvam-moe", &sarvam },
};

const struct fmt_pre *fmt_pre_find(struct fmt_str name)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (fmt_str_is(name, names[i].name))
			return names[i].pre;
	return NULL;
}
