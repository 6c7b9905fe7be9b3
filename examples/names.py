"""Given and family names that are common in a country: combined at random they are nobody's in particular."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """Names to combine."""

    men: tuple[str, ...]
    women: tuple[str, ...]
    families: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PAKISTAN = Names(
    men=_words(
        "Adeel Ahmed Akram Ali Amir Arslan Asad Asif Atif Babar Bilal Danish Faisal Farhan Fawad Hamza Haris Hassan "
        "Ijaz Imran Irfan Jamil Junaid Kamran Kashif Khalid Khurram Mansoor Mohsin Mubashir Nadeem Naveed Noman Omar "
        "Qasim Rashid Rizwan Saad Sajid Salman Shahbaz Shahid Shoaib Sohail Tahir Tariq Umair Usman Waqar Waseem "
        "Yasir Zahid Zeeshan Zubair"
    ),
    women=_words(
        "Amina Asma Ayesha Bushra Fatima Hina Huma Iqra Kiran Maryam Nadia Naila Nida Rabia Rukhsana Sadia Saima "
        "Samina Sana Shazia Sidra Sumera Uzma Yasmin Zainab"
    ),
    families=_words(
        "Abbasi Afridi Akhtar Anjum Anwar Aslam Awan Baig Bajwa Butt Chaudhry Cheema Dar Gill Gondal Hashmi Iqbal "
        "Janjua Javed Khan Khattak Khokhar Malik Mehmood Minhas Mirza Mughal Nawaz Niazi Qureshi Rana Raja Riaz "
        "Saleem Sandhu Shah Sheikh Siddiqui Tarar Virk Warraich Yousafzai Zafar"
    ),
)

IVORY_COAST = Names(
    men=_words(
        "Aboubacar Adama Alassane Amadou Armand Arsène Bakary Brice Cédric Daouda Didier Drissa Emmanuel Ernest "
        "Eugène Fabrice Franck Gervais Hamed Hervé Ibrahim Idriss Issouf Jean-Marc Konan Lacina Lamine Lassina "
        "Mamadou Mory Moussa Olivier Oumar Pacôme Salif Sékou Serge Siaka Souleymane Stéphane Yacouba Yao"
    ),
    women=_words(
        "Adjoa Affoué Aïcha Aminata Amoin Assita Awa Aya Béatrice Bintou Clarisse Djénéba Estelle Fanta Fatou "
        "Fatoumata Grâce Habiba Inès Kadidja Karidja Mariam Mariame Massandjé Nadège Natacha Rachelle Ramatou "
        "Rokia Salimata Sandrine Sita Solange Sylvie Yasmine"
    ),
    families=_words(
        "Adou Aka Amani Assi Bamba Berté Brou Camara Cissé Coulibaly Dembélé Diabaté Diallo Diarra Diomandé Dosso "
        "Doumbia Ehui Fofana Gnagne Gohou Kacou Kamaté Kassi Keita Kipré Koffi Konaté Koné Kouadio Kouamé Kouassi "
        "Kra Meïté N’Dri N’Guessan Ouattara Sangaré Sanogo Savané Sidibé Soro Soumahoro Sylla Tanoh Touré Traoré "
        "Yapi Yeboua Zadi"
    ),
)
