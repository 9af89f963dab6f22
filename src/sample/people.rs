//! The people of the sample. Nobody in it exists; the domains are those that are kept for examples.

/// A person.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) email: &'static str,
    pub(super) name: &'static str,
}

const fn person(email: &'static str, name: &'static str) -> Person {
    Person { email, name }
}

/// Everybody. Projects name them by their e-mail.
pub(super) const PEOPLE: [Person; 28] = [
    person("ada.whitcombe@example.org", "Ada Whitcombe"),
    person("ben.okafor@example.org", "Ben Okafor"),
    person("carla.mendez@example.org", "Carla Méndez Ibáñez"),
    person("dario.fuentes@example.org", "Darío Fuentes"),
    person("elif.sahin@example.org", "Elif Şahin"),
    person("finn.osullivan@example.org", "Finn O'Sullivan"),
    person("gabriela.nunez@example.org", "Gabriela Núñez"),
    person("hana.kovarova@example.org", "Hana Kovářová"),
    person("inigo.arrieta@example.org", "Íñigo Arrieta"),
    person("jennifer.null@example.org", "Jennifer Null"),
    person("kwame.asante@example.org", "Kwame Asante"),
    person("lucia.peralta@example.org", "Lucía Peralta"),
    person("mariam.haddad@example.org", "مريم حداد"),
    person("noah.lindqvist@example.org", "Noah Lindqvist"),
    person("olga.petrenko@example.org", "Ольга Петренко"),
    person("pablo.ordonez@example.org", "Pablo Ordóñez"),
    person("quynh.tran@example.org", "Trần Thị Quỳnh"),
    person("rosa.delgado@example.org", "Rosa Delgado"),
    person("sven.aasen@example.org", "Sven Åsen"),
    person("teresa.vidal@example.org", "Teresa Vidal i Puig"),
    person("ugo.bianchi@example.org", "Ugo Bianchi"),
    person("valentina.rios@example.org", "Valentina Ríos"),
    person("wei.zhang@example.org", "张伟"),
    person("ximena.castro@example.org", "Ximena Castro"),
    person("yael.levi@example.org", "יעל לוי"),
    person("zoe.martin@example.org", "Zoë Martin-Løvås"),
    person("support+web@example.com", "Support desk (web) 🛟"),
    person("auditor@example.com", "External \"Audit\" <Dept.>"),
];
