/* The table of cards. See <libfmt/cards.h>. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include <libfmt/cards.h>

#define GIB(n) ((uint64_t)(n) << 30)
#define MIB(n) ((uint64_t)(n) << 20)

/* Usable memory is what nvidia-smi and rocm-smi print as total, with error correction on where the card is delivered so.
 *
 * On GeForce cards sums in FP32 go at half the rate of sums in FP16, and "AI TOPS" count sparse matrices: the product
 * pages' figure is four times (Ampere, FP16), eight times (Ada, FP8) or sixteen times (Blackwell, FP4) of what is meant here. */
static const struct fmt_card cards[] = {
	/* NVIDIA product page: 15 Gbit/s x 192 bits; 101 tensor TFLOPS / 4 */
	{ "rtx3060-12g", "NVIDIA GeForce RTX 3060 12GB", GIB(12), MIB(12288), 360, 25.3 },
	/* NVIDIA Ampere GA102 whitepaper, table of RTX 3080 and 3090 */
	{ "rtx3080-10g", "NVIDIA GeForce RTX 3080 10GB", GIB(10), MIB(10240), 760, 59.5 },
	{ "rtx3090", "NVIDIA GeForce RTX 3090", GIB(24), MIB(24576), 936, 71 },
	/* NVIDIA product page: 18 Gbit/s x 128 bits; 353 AI TOPS / 8 */
	{ "rtx4060ti-16g", "NVIDIA GeForce RTX 4060 Ti 16GB", GIB(16), MIB(16380), 288, 44.1 },
	/* NVIDIA product page: 21 Gbit/s x 192 bits; 466 AI TOPS / 8 */
	{ "rtx4070", "NVIDIA GeForce RTX 4070", GIB(12), MIB(12282), 504, 58.2 },
	/* NVIDIA product page: 21 Gbit/s x 256 bits; 706 AI TOPS / 8 */
	{ "rtx4070ti-super", "NVIDIA GeForce RTX 4070 Ti SUPER", GIB(16), MIB(16376), 672, 88.2 },
	/* NVIDIA Ada GPU architecture whitepaper, appendix A */
	{ "rtx4080", "NVIDIA GeForce RTX 4080", GIB(16), MIB(16376), 716.8, 97.5 },
	{ "rtx4090", "NVIDIA GeForce RTX 4090", GIB(24), MIB(24564), 1008, 165.2 },
	/* NVIDIA RTX Blackwell GPU architecture whitepaper, appendix */
	{ "rtx5070ti", "NVIDIA GeForce RTX 5070 Ti", GIB(16), MIB(16303), 896, 87.9 },
	{ "rtx5080", "NVIDIA GeForce RTX 5080", GIB(16), MIB(16303), 960, 112.6 },
	{ "rtx5090", "NVIDIA GeForce RTX 5090", GIB(32), MIB(32607), 1792, 209.5 },
	/* NVIDIA RTX A6000 data sheet: 309.7 sparse / 2 */
	{ "a6000", "NVIDIA RTX A6000", GIB(48), MIB(49140), 768, 154.8 },
	/* NVIDIA RTX 6000 Ada Generation data sheet: 1457 sparse FP8 / 4 */
	{ "rtx6000-ada", "NVIDIA RTX 6000 Ada Generation", GIB(48), MIB(49140), 960, 364.2 },
	/* NVIDIA RTX PRO 6000 Blackwell data sheet: 4000 AI TOPS (sparse FP4) / 8; sums in FP32 at the full rate */
	{ "rtx-pro-6000", "NVIDIA RTX PRO 6000 Blackwell", GIB(96), MIB(97887), 1792, 500 },
	/* NVIDIA Turing GPU architecture whitepaper, Tesla T4 */
	{ "t4", "NVIDIA T4", GIB(16), MIB(15360), 320, 65 },
	/* NVIDIA V100 data sheet, SXM2 */
	{ "v100-32g", "NVIDIA V100 SXM2 32GB", GIB(32), MIB(32768), 900, 125 },
	/* NVIDIA A10 data sheet */
	{ "a10", "NVIDIA A10", GIB(24), MIB(23028), 600, 125 },
	/* NVIDIA A40 data sheet */
	{ "a40", "NVIDIA A40", GIB(48), MIB(46068), 696, 149.7 },
	/* NVIDIA A100 data sheet; the 80 GB module is the SXM4 one */
	{ "a100-40g", "NVIDIA A100 40GB", GIB(40), MIB(40960), 1555, 312 },
	{ "a100-80g", "NVIDIA A100 SXM4 80GB", GIB(80), MIB(81920), 2039, 312 },
	/* NVIDIA L4 data sheet: 242 sparse / 2 */
	{ "l4", "NVIDIA L4", GIB(24), MIB(23034), 300, 121 },
	/* NVIDIA L40S data sheet */
	{ "l40s", "NVIDIA L40S", GIB(48), MIB(46068), 864, 362 },
	/* NVIDIA H100 data sheet: SXM5 1979 sparse / 2, PCIe 1513 / 2, NVL 1671 / 2 */
	{ "h100", "NVIDIA H100 SXM5 80GB", GIB(80), MIB(81559), 3350, 989.5 },
	{ "h100-pcie", "NVIDIA H100 PCIe 80GB", GIB(80), MIB(81559), 2000, 756.5 },
	{ "h100-nvl", "NVIDIA H100 NVL 94GB", GIB(94), MIB(95830), 3900, 835.5 },
	/* NVIDIA H200 data sheet: SXM5, 1979 sparse / 2 */
	{ "h200", "NVIDIA H200 SXM5 141GB", GIB(141), MIB(143771), 4800, 989.5 },
	/* NVIDIA DGX B200 data sheet, an eighth: 1440 GB, 64 TB/s, 36 PFLOPS sparse / 2 */
	{ "b200", "NVIDIA B200 180GB", GIB(180), MIB(183359), 8000, 2250 },
	/* AMD Radeon RX 7900 XTX product page */
	{ "rx7900xtx", "AMD Radeon RX 7900 XTX", GIB(24), MIB(24560), 960, 122.8 },
	/* AMD Instinct MI300X data sheet */
	{ "mi300x", "AMD Instinct MI300X", GIB(192), MIB(196592), 5300, 1307.4 },
};

const struct fmt_card *fmt_card_list(size_t *n)
{
	*n = sizeof cards / sizeof *cards;
	return cards;
}

static bool same(const char *name, size_t n, const char *known)
{
	if (strlen(known) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (tolower((unsigned char)name[i]) != known[i])
			return false;
	return true;
}

const struct fmt_card *fmt_card_find(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof cards / sizeof *cards; i++)
		if (same(name, n, cards[i].name))
			return &cards[i];
	return NULL;
}
