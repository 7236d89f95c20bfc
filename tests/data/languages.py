"""The domain-validation mail of the samples in the languages and charsets of real
CA mails. Own words, not a CA's. (language tag, charset, transfer encoding, how
the subject is encoded, texts.)"""

# label of the domain line, label of the order line, subject, sentence before, sentence after
WORDS = {
    "en": ("Domain", "Order number", "[Action Required] Approve Certificate Request for %s",
           "A certificate was requested that names your domain.", "To approve it, open this link:"),
    "de": ("Domäne", "Auftragsnummer", "[Aktion erforderlich] Zertifikatsantrag genehmigen für %s",
           "Für Ihre Domäne wurde ein Zertifikat beantragt.", "Zum Bestätigen öffnen Sie bitte:"),
    "es": ("Dominio", "Número de pedido", "[Se requiere acción] Aprobar pedido de certificado para %s",
           "Se solicitó un certificado con su dominio.", "Para aprobarlo, abra este vínculo mañana:"),
    "fr": ("Domaine", "Numéro de commande", "[Action requise] Approuver la demande pour %s",
           "Un certificat a été demandé à votre nom. Coût : 0 €", "Pour l’approuver :"),
    "it": ("Dominio", "Numero d’ordine", "[Azione richiesta] Approva la richiesta per %s",
           "È stato richiesto un certificato per il dominio.", "Per approvarla:"),
    "pt": ("Domínio", "Número do pedido", "[Ação necessária] Aprovar solicitação para %s",
           "Foi solicitado um certificado com o seu domínio.", "Para aprovação, abra:"),
    "ja": ("ドメイン名", "オーダー番号", "[Domain Approval] ドメイン名の利用権確認のお願い: %s",
           "お客様のドメイン名で証明書が申請されました。", "承認するには次のリンクを開いてください。"),
    "ko": ("도메인", "주문 번호", "[조치 필요] 인증서 요청 승인 %s",
           "귀하의 도메인에 대한 인증서가 요청되었습니다.", "승인하려면 다음 링크를 여십시오."),
    "ru": ("Домен", "Номер заказа", "[Требуется действие] Одобрите запрос для %s",
           "Был запрошен сертификат для вашего домена.", "Чтобы одобрить, откройте:"),
    "zh": ("域名", "订单编号", "[需要操作] 审批证书请求 %s",
           "有人为您的域名申请了证书。", "要批准，请打开以下链接："),
    "zf": ("網域名稱", "訂單編號", "[需要操作] 核准憑證要求 %s",
           "有人為您的網域申請了憑證。", "若要核准，請開啟以下連結："),
}

# file name, language, charset, transfer encoding of the body, kind of encoded word, torn words
SAMPLES = [
    ("dcv-lang-en-ascii", "en", "us-ascii", "7bit", None, None),
    ("dcv-lang-de-latin1-qp", "de", "iso-8859-1", "quoted-printable", "q", None),
    ("dcv-lang-de-utf8-8bit", "de", "utf-8", "8bit", "b", None),
    ("dcv-lang-es-cp1252-8bit", "es", "windows-1252", "8bit", "q", None),
    ("dcv-lang-fr-utf8-qp", "fr", "utf-8", "quoted-printable", "b", None),
    ("dcv-lang-fr-cp1252-base64", "fr", "windows-1252", "base64", "b", None),
    ("dcv-lang-it-utf8-base64", "it", "utf-8", "base64", "q", None),
    ("dcv-lang-pt-latin1-8bit", "pt", "iso-8859-1", "8bit", "q", None),
    ("dcv-lang-pt-latin9-qp", "pt", "iso-8859-15", "quoted-printable", "b", None),
    ("dcv-lang-ja-iso2022jp", "ja", "iso-2022-jp", "7bit", "b", None),
    ("dcv-lang-ja-sjis-base64", "ja", "shift_jis", "base64", "b", None),
    ("dcv-lang-ja-eucjp-8bit", "ja", "euc-jp", "8bit", "b", None),
    ("dcv-lang-ja-utf8-torn", "ja", "utf-8", "base64", "b", 20),
    ("dcv-lang-ko-euckr-base64", "ko", "euc-kr", "base64", "b", None),
    ("dcv-lang-ko-utf8-qp", "ko", "utf-8", "quoted-printable", "q", None),
    ("dcv-lang-ru-koi8r-8bit", "ru", "koi8-r", "8bit", "b", None),
    ("dcv-lang-ru-cp1251-qp", "ru", "windows-1251", "quoted-printable", "q", None),
    ("dcv-lang-ru-iso88595-base64", "ru", "iso-8859-5", "base64", "b", None),
    ("dcv-lang-zh-gb2312-8bit", "zh", "gb2312", "8bit", "b", None),
    ("dcv-lang-zh-gbk-base64", "zh", "gbk", "base64", "b", None),
    ("dcv-lang-zh-gb18030-qp", "zh", "gb18030", "quoted-printable", "q", None),
    ("dcv-lang-zf-big5-base64", "zf", "big5", "base64", "b", None),
    ("dcv-lang-zf-utf8-8bit", "zf", "utf-8", "8bit", "b", None),
]
