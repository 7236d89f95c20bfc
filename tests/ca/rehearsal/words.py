"""The words of mails and pages in eleven languages. All of it our own, synthetic text; data only."""

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "ja", "ko", "ru", "zh-CN", "zh-TW")

# charset and transfer encoding of each language's mails: together they cover what readers have to cope with
ENCODINGS = {"en": ("utf-8", "quoted-printable"), "de": ("iso-8859-1", "quoted-printable"), "fr": ("utf-8", "8bit"),
             "es": ("utf-8", "base64"), "it": ("windows-1252", "quoted-printable"), "pt": ("utf-8", "quoted-printable"),
             "ja": ("iso-2022-jp", "7bit"), "ko": ("euc-kr", "base64"), "ru": ("koi8-r", "8bit"),
             "zh-CN": ("gb2312", "base64"), "zh-TW": ("big5", "quoted-printable")}

MAIL = {
    "dcv_subject": {
        "en": "Please validate ownership of your domain {domain}",
        "de": "Bitte bestätigen Sie die Inhaberschaft Ihrer Domain {domain}",
        "fr": "Merci de valider la propriété de votre domaine {domain}",
        "es": "Valide la propiedad de su dominio {domain}",
        "it": "Convalidare la proprietà del dominio {domain}",
        "pt": "Valide a titularidade do seu domínio {domain}",
        "ja": "ドメイン {domain} の所有権を確認してください",
        "ko": "도메인 {domain} 의 소유권을 확인해 주세요",
        "ru": "Подтвердите владение доменом {domain}",
        "zh-CN": "请验证您的域名 {domain} 的所有权",
        "zh-TW": "請驗證您的網域 {domain} 的所有權"},
    "dcv_intro": {
        "en": "{organization} asked us for certificates in the domain {domain}. Whoever looks after it has to agree.",
        "de": "{organization} möchte Zertifikate für die Domain {domain}. Wer sie verwaltet, muss zustimmen.",
        "fr": "{organization} nous demande des certificats pour {domain}. L'administrateur doit donner son accord.",
        "es": "{organization} nos pide certificados para {domain}. Quien lo administra debe estar de acuerdo.",
        "it": "{organization} ci chiede certificati per {domain}. Chi lo gestisce deve essere d'accordo.",
        "pt": "{organization} pediu certificados para {domain}. Quem o administra precisa concordar.",
        "ja": "{organization} が {domain} の証明書を申し込みました。管理者の同意が必要です。",
        "ko": "{organization} 에서 {domain} 인증서를 신청했습니다. 관리자의 동의가 필요합니다.",
        "ru": "{organization} запрашивает сертификаты для {domain}. Нужно согласие администратора.",
        "zh-CN": "{organization} 申请 {domain} 的证书，需要管理员同意。",
        "zh-TW": "{organization} 申請 {domain} 的憑證，需要管理員同意。"},
    "dcv_do": {
        "en": "If your organization ordered them, open this page and approve:",
        "de": "Hat Ihre Organisation sie bestellt, öffnen Sie diese Seite und stimmen Sie zu:",
        "fr": "Si votre organisation les a commandés, ouvrez cette page et approuvez :",
        "es": "Si su organización los pidió, abra esta página y apruebe:",
        "it": "Se li ha ordinati la vostra organizzazione, aprite questa pagina e approvate:",
        "pt": "Se a sua organização os pediu, abra esta página e aprove:",
        "ja": "貴組織の申し込みであれば、次のページを開いて承認してください。",
        "ko": "귀 기관의 신청이 맞으면 다음 페이지를 열어 승인해 주세요:",
        "ru": "Если их заказала ваша организация, откройте страницу и подтвердите:",
        "zh-CN": "如果是贵组织申请的，请打开此页面并批准：",
        "zh-TW": "如果是貴組織申請的，請開啟此頁面並核准："},
    "mailbox_subject": {
        "en": "Confirm your address for a certificate", "de": "Bestätigen Sie Ihre Adresse für ein Zertifikat",
        "fr": "Confirmez votre adresse pour un certificat", "es": "Confirme su dirección para un certificado",
        "it": "Confermi il suo indirizzo per un certificato", "pt": "Confirme o seu endereço para um certificado",
        "ja": "証明書のためにアドレスを確認してください", "ko": "인증서를 위해 주소를 확인해 주세요",
        "ru": "Подтвердите свой адрес для сертификата", "zh-CN": "请确认您的证书邮箱地址",
        "zh-TW": "請確認您的憑證信箱地址"},
    "mailbox_intro": {
        "en": "A certificate for {mailbox} was ordered. Open this page if you or your organization wants it:",
        "de": "Für {mailbox} wurde ein Zertifikat bestellt. Öffnen Sie diese Seite, wenn es gewünscht ist:",
        "fr": "Un certificat pour {mailbox} a été commandé. Ouvrez cette page si vous le voulez :",
        "es": "Se pidió un certificado para {mailbox}. Abra esta página si lo desea:",
        "it": "È stato ordinato un certificato per {mailbox}. Aprite questa pagina se lo volete:",
        "pt": "Foi pedido um certificado para {mailbox}. Abra esta página se o deseja:",
        "ja": "{mailbox} の証明書が申し込まれました。必要な場合は次のページを開いてください。",
        "ko": "{mailbox} 인증서가 신청되었습니다. 원하시면 다음 페이지를 열어 주세요:",
        "ru": "Заказан сертификат для {mailbox}. Откройте страницу, если он вам нужен:",
        "zh-CN": "有人为 {mailbox} 申请了证书。如果需要，请打开此页面：",
        "zh-TW": "有人為 {mailbox} 申請了憑證。如果需要，請開啟此頁面："},
    "issued_subject": {
        "en": "Your certificate for {mailbox} is ready", "de": "Ihr Zertifikat für {mailbox} ist fertig",
        "fr": "Votre certificat pour {mailbox} est prêt", "es": "Su certificado para {mailbox} está listo",
        "it": "Il certificato per {mailbox} è pronto", "pt": "O seu certificado para {mailbox} está pronto",
        "ja": "{mailbox} の証明書が発行されました", "ko": "{mailbox} 인증서가 발급되었습니다",
        "ru": "Сертификат для {mailbox} готов", "zh-CN": "{mailbox} 的证书已签发",
        "zh-TW": "{mailbox} 的憑證已核發"},
    "issued_intro": {
        "en": "The certificate was issued.", "de": "Das Zertifikat wurde ausgestellt.",
        "fr": "Le certificat a été émis.", "es": "El certificado fue emitido.",
        "it": "Il certificato è stato emesso.", "pt": "O certificado foi emitido.", "ja": "証明書を発行しました。",
        "ko": "인증서를 발급했습니다.", "ru": "Сертификат выпущен.", "zh-CN": "证书已签发。", "zh-TW": "憑證已核發。"},
    "csr-invitation_subject": {
        "en": "Create your certificate", "de": "Erzeugen Sie Ihr Zertifikat", "fr": "Créez votre certificat",
        "es": "Cree su certificado", "it": "Crei il suo certificato", "pt": "Crie o seu certificado",
        "ja": "証明書を作成してください", "ko": "인증서를 만들어 주세요", "ru": "Создайте свой сертификат",
        "zh-CN": "请生成您的证书", "zh-TW": "請產生您的憑證"},
    "renewal-notice_subject": {
        "en": "Your certificate expires soon", "de": "Ihr Zertifikat läuft bald ab",
        "fr": "Votre certificat expire bientôt", "es": "Su certificado caduca pronto",
        "it": "Il certificato scade a breve", "pt": "O seu certificado expira em breve",
        "ja": "証明書の期限が近づいています", "ko": "인증서가 곧 만료됩니다", "ru": "Срок сертификата скоро истечёт",
        "zh-CN": "您的证书即将到期", "zh-TW": "您的憑證即將到期"},
    "organization-consent_subject": {
        "en": "Consent of your organization is needed", "de": "Ihre Organisation muss zustimmen",
        "fr": "L'accord de votre organisation est nécessaire", "es": "Se necesita el acuerdo de su organización",
        "it": "Serve il consenso della vostra organizzazione", "pt": "É preciso o acordo da sua organização",
        "ja": "組織の同意が必要です", "ko": "기관의 동의가 필요합니다", "ru": "Нужно согласие вашей организации",
        "zh-CN": "需要贵组织的同意", "zh-TW": "需要貴組織的同意"},
    "order-approval_subject": {
        "en": "An order waits for your approval", "de": "Eine Bestellung wartet auf Ihre Genehmigung",
        "fr": "Une commande attend votre accord", "es": "Un pedido espera su aprobación",
        "it": "Un ordine attende la sua approvazione", "pt": "Um pedido espera a sua aprovação",
        "ja": "注文が承認を待っています", "ko": "주문이 승인을 기다립니다", "ru": "Заказ ждёт вашего одобрения",
        "zh-CN": "有订单等待您批准", "zh-TW": "有訂單等待您核准"},
    "other_subject": {
        "en": "News about your account", "de": "Neues zu Ihrem Konto", "fr": "Nouvelles de votre compte",
        "es": "Novedades de su cuenta", "it": "Novità sul suo conto", "pt": "Novidades da sua conta",
        "ja": "アカウントのお知らせ", "ko": "계정 소식", "ru": "Новости вашей учётной записи",
        "zh-CN": "您的账户消息", "zh-TW": "您的帳戶消息"},
    "see": {
        "en": "You find more here:", "de": "Mehr finden Sie hier:", "fr": "Plus de détails ici :",
        "es": "Más detalles aquí:", "it": "Altri dettagli qui:", "pt": "Mais detalhes aqui:",
        "ja": "詳しくはこちら：", "ko": "자세한 내용:", "ru": "Подробнее:", "zh-CN": "详情：", "zh-TW": "詳情："},
}

PAGE = {
    "title": {
        "en": "Validate a domain", "de": "Domain bestätigen", "fr": "Valider un domaine", "es": "Validar un dominio",
        "it": "Convalidare un dominio", "pt": "Validar um domínio", "ja": "ドメインの確認", "ko": "도메인 확인",
        "ru": "Подтверждение домена", "zh-CN": "验证域名", "zh-TW": "驗證網域"},
    "mailbox_title": {
        "en": "Confirm an address", "de": "Adresse bestätigen", "fr": "Confirmer une adresse",
        "es": "Confirmar una dirección", "it": "Confermare un indirizzo", "pt": "Confirmar um endereço",
        "ja": "アドレスの確認", "ko": "주소 확인", "ru": "Подтверждение адреса", "zh-CN": "确认地址", "zh-TW": "確認地址"},
    "approve": {
        "en": "I approve", "de": "Ich stimme zu", "fr": "J'approuve", "es": "Apruebo", "it": "Approvo",
        "pt": "Aprovo", "ja": "承認する", "ko": "승인합니다", "ru": "Подтверждаю", "zh-CN": "批准", "zh-TW": "核准"},
    "contact": {
        "en": "I don't know of this", "de": "Davon weiß ich nichts", "fr": "Je ne suis pas au courant",
        "es": "No lo conozco", "it": "Non ne so nulla", "pt": "Não conheço isto", "ja": "心当たりがない",
        "ko": "모르는 일입니다", "ru": "Мне это неизвестно", "zh-CN": "我不知情", "zh-TW": "我不知情"},
    "this": {
        "en": "Only this request", "de": "Nur diesen Antrag", "fr": "Seulement cette demande",
        "es": "Solo esta solicitud", "it": "Solo questa richiesta", "pt": "Só este pedido", "ja": "この申請だけ",
        "ko": "이 신청만", "ru": "Только этот запрос", "zh-CN": "仅此申请", "zh-TW": "僅此申請"},
    "all": {
        "en": "Also all later requests of this account", "de": "Auch alle späteren Anträge dieses Kontos",
        "fr": "Aussi toutes les demandes à venir de ce compte", "es": "También las solicitudes futuras de esta cuenta",
        "it": "Anche le richieste future di questo conto", "pt": "Também os pedidos futuros desta conta",
        "ja": "このアカウントの今後の申請すべて", "ko": "이 계정의 이후 신청 모두", "ru": "И все будущие запросы этого счёта",
        "zh-CN": "以及此账户今后的所有申请", "zh-TW": "以及此帳戶今後的所有申請"},
    "done": {
        "en": "Thank you. The validation is complete.", "de": "Danke. Die Bestätigung ist abgeschlossen.",
        "fr": "Merci. La validation est terminée.", "es": "Gracias. La validación está completa.",
        "it": "Grazie. La convalida è completa.", "pt": "Obrigado. A validação está completa.",
        "ja": "ありがとうございます。確認が完了しました。", "ko": "감사합니다. 확인이 완료되었습니다.",
        "ru": "Спасибо. Подтверждение завершено.", "zh-CN": "谢谢，验证已完成。", "zh-TW": "謝謝，驗證已完成。"},
    "already": {
        "en": "This request was already approved.", "de": "Diesem Antrag wurde bereits zugestimmt.",
        "fr": "Cette demande a déjà été approuvée.", "es": "Esta solicitud ya fue aprobada.",
        "it": "Questa richiesta è già stata approvata.", "pt": "Este pedido já foi aprovado.",
        "ja": "この申請はすでに承認されています。", "ko": "이 신청은 이미 승인되었습니다.",
        "ru": "Этот запрос уже подтверждён.", "zh-CN": "此申请已获批准。", "zh-TW": "此申請已獲核准。"},
    "expired": {
        "en": "This link has expired.", "de": "Dieser Link ist abgelaufen.", "fr": "Ce lien a expiré.",
        "es": "Este enlace ha caducado.", "it": "Questo link è scaduto.", "pt": "Este link expirou.",
        "ja": "このリンクは期限切れです。", "ko": "이 링크는 만료되었습니다.", "ru": "Срок действия ссылки истёк.",
        "zh-CN": "此链接已过期。", "zh-TW": "此連結已過期。"},
    "contacted": {
        "en": "Nothing was approved. Please call the support.", "de": "Es wurde nichts bestätigt. Bitte rufen Sie an.",
        "fr": "Rien n'a été approuvé. Appelez l'assistance.", "es": "No se aprobó nada. Llame al soporte.",
        "it": "Nulla è stato approvato. Chiamate l'assistenza.", "pt": "Nada foi aprovado. Ligue para o suporte.",
        "ja": "何も承認されていません。サポートにご連絡ください。", "ko": "승인되지 않았습니다. 고객 지원에 연락해 주세요.",
        "ru": "Ничего не подтверждено. Позвоните в поддержку.", "zh-CN": "未批准任何内容，请联系支持。",
        "zh-TW": "未核准任何內容，請聯絡支援。"},
    "choose": {
        "en": "Please choose what you approve.", "de": "Bitte wählen Sie, wem Sie zustimmen.",
        "fr": "Choisissez ce que vous approuvez.", "es": "Elija lo que aprueba.", "it": "Scegliete cosa approvare.",
        "pt": "Escolha o que aprova.", "ja": "承認する範囲を選んでください。", "ko": "승인할 범위를 선택해 주세요.",
        "ru": "Выберите, что подтвердить.", "zh-CN": "请选择批准的范围。", "zh-TW": "請選擇核准的範圍。"},
}


def mail(key, language):
    return MAIL[key].get(language) or MAIL[key]["en"]


def page(key, language):
    return PAGE[key].get(language) or PAGE[key]["en"]


def language_of(text, default="en"):
    """The known language nearest to a locale such as de_DE or zh_tw."""
    if not text:
        return default
    wanted = text.replace("_", "-").lower()
    for language in LANGUAGES:
        if wanted == language.lower():
            return language
    for language in LANGUAGES:
        if wanted.split("-")[0] == language.lower().split("-")[0]:
            return language
    return default
