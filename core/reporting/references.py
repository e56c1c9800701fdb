"""The papers behind the figures, each with year and DOI; docs/statistics.md has all of them."""

REFERENCES = {
    "Rogan and Gladen": (
        "Rogan WJ, Gladen B (1978). Estimating prevalence from the results of a screening test. American Journal of "
        "Epidemiology 107(1): 71-76. doi:10.1093/oxfordjournals.aje.a112510"
    ),
    "Lang and Reiczigel": (
        "Lang Z, Reiczigel J (2014). Confidence limits for prevalence of disease adjusted for estimated sensitivity "
        "and specificity. Preventive Veterinary Medicine 113(1): 13-22. doi:10.1016/j.prevetmed.2013.09.015"
    ),
    "Saerens, Latinne and Decaestecker": (
        "Saerens M, Latinne P, Decaestecker C (2002). Adjusting the outputs of a classifier to new a priori "
        "probabilities. Neural Computation 14(1): 21-41. doi:10.1162/089976602753284446"
    ),
    "Fieller": (
        "Fieller EC (1954). Some problems in interval estimation. Journal of the Royal Statistical Society B 16(2): "
        "175-185. doi:10.1111/j.2517-6161.1954.tb00159.x"
    ),
    "Efron": (
        "Efron B (1981). Nonparametric standard errors and confidence intervals. Canadian Journal of Statistics 9(2): "
        "139-158. doi:10.2307/3314608"
    ),
    "Wilson": (
        "Wilson EB (1927). Probable inference, the law of succession, and statistical inference. Journal of the "
        "American Statistical Association 22(158): 209-212. doi:10.1080/01621459.1927.10502953"
    ),
    "prediction-powered": (
        "Angelopoulos AN, Bates S, Fannjiang C, Jordan MI, Zrnic T (2023). Prediction-powered inference. Science "
        "382(6671): 669-674. doi:10.1126/science.adi6000"
    ),
    "Clopper and Pearson": (
        "Clopper CJ, Pearson ES (1934). The use of confidence or fiducial limits illustrated in the case of the "
        "binomial. Biometrika 26(4): 404-413. doi:10.1093/biomet/26.4.404"
    ),
}
"""How a text speaks of it -> the paper."""


def references_in(text: str) -> list[str]:
    """The papers that a text speaks of, in the order of the table."""
    return [paper for name, paper in REFERENCES.items() if name in text]
