id = "digicert"
title = "Broken"
driver = "nosuch"
from_domains = { "ca.example", "com" }
dkim = { "selector.ca.example" }
min_key_bits = 512
surprise = 1

kind "domain-validation" {
    verified = yes
    action = form
    from = { "@ca.example", "dcv@elsewhere.example" }
    links = { "http://www.ca.example/{token:32:a-z}",
              "https://www.ca.example/{any}",
              "https://www.ca.example:8443/{token:32:a-z}",
              "https://www.ca.example/static" }
    deny = { "https://u@www.ca.example/" }
    places = { "Order: {order}", "text:Order: {ordr}" }
    page_places = { "text:Domain: {domain}" }
    button = "approve"
    choices = { "=this" }
    bind_on_page = maybe
    lifetime = 31d
}
kind "mailbox-validation" {
    action = click
    bind_on_page = yes
    verified = yes
    subjects = { "{order}{order}" }
}
kind "csr-invitation" {
    action = get
    from = { "a@ca.example" }
    signers = { "ca.example" }
}
kind "renewal-notice" {
    action = collect
    from = { "a@ca.example" }
    signers = { "ca.example" }
}
kind "greeting" { }
