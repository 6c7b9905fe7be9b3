"""Names as lists spell them. Everybody is made up: these are common names, and nobody's in particular."""

#: One name on a line.
MEET = """
Mohamed · Muhammad · محمد · Mohammad · Mouhamed · مُحَمَّد · Mohammed · Muhamad
Mamadou · Mamadu · مامادو
Traoré · Traore · تراوري
Diallo · Jallow · Jalloh · جالو · ديالو
Cissé · Ceesay · Cisse · سيسي
Touré · Toure · Turay · توري
Ouattara · Wattara · واتارا
Djibril · Jibril · Gibril · جبريل
Oumar · Umar · Omar · عمر
Youssouf · Yusuf · Yousef · يوسف · Youcef · Yousuf · Yousaf
Khadija · Hadija · خديجة · Khadidja · خدیجہ
Fatima · فاطمة · فاطمہ · Fatema · Fatimah
Fatoumata · Fatoumatta · فاتوماتا
Aïcha · Aisha · عائشة · Aysha · Ayesha · عایشه
Abdoulaye · Abdullah · عبدالله · عبد الله · Abd Allah · Abdallah · Abdulai · Abdalla · عبداللہ
Abd al-Rahman · Abderrahmane · Abdurrahman · عبد الرحمن · Abdul Rehman · Abdel Rahman · Abdirahman · عبدالرحمٰن
Abdelkarim · Abdul Karim · عبد الكريم · Abdoul Karim
Abdelaziz · عبدالعزيز · Abdul Aziz
Ibrahim · Ibrahima · Brahim · إبراهيم · ابراهيم · ابراہیم · Ibraheem
Ahmed · Ahmad · أحمد · احمد
Khan · خان · خاں
Hussain · Hussein · Husain · حسين · Houcine · حسین · Houssein
Hassan · حسن · Hasan · Hassane · Alhassan · الحسن · Al-Hassan
Qureshi · قریشی · قريشي · Quraishi
Chaudhry · Chowdhury · چوہدری · Chaudhary · چودھری
Gul · گل
Mariam · Maryam · مريم · Meryem · مریم
Musa · Moussa · موسى · موسیٰ
Isa · Issa · عيسى · عیسیٰ
Zainab · Zeinab · Zaynab · زينب
Ali · علي · على · Aly · علی
Sara · Sarah · سارة · ساره · سارا
Samira · سميرة · Sameera
Amr · عمرو
Amina · أمينة · Aminah
Amin · أمين · Amine
Alia · عالية · Aliya
Mahmoud · محمود · Mehmood · Mahmood
Khalid · خالد · Khaled
Jamal · جمال
Jamil · جميل
Rizwan · رضوان · Ridwan
Usman · Ousmane · Othman · عثمان · Osman
Zubair · زبير · Zoubeir
Saïd · Said · Saeed · سعيد
Saad · سعد
Yahya · يحيى · Yaya · یحییٰ
Abubakar · Aboubacar · Boubacar · Abu Bakr · أبو بكر · ابوبکر
Saifullah · Saif Ullah · سیف اللہ · سيف الله
Noureddine · Nur al-Din · نور الدين · Nooruddin · نورالدين
Yousafzai · یوسفزئی · یوسف زئی · Yousaf Zai
Mohamed Ould Ahmed · محمد ولد أحمد · Muhammad Ahmad · Mohamed Wuld Ahmed
Ali Ben Salem · علي بن سالم · Ali bin Salim
Keita · كيتا · Keïta
Coulibaly · كوليبالي · Koulibaly · Kulibali
Camara · Kamara · كامارا · كمارا
Koné · Kone · كوني
Ndiaye · N'Diaye · Njie
Thierno · Tierno · Cherno
Sow · صو · سو
Bah · Ba · باه
Diarra · Jarra · ديارا · جارا
Javed · Javaid · جاوید · Jawed
Naveed · Navid · نوید
Malik · مالك · ملک
Sheikh · Cheikh · شيخ · Cheick · شیخ
Karim · كريم · Kareem
Mustafa · مصطفى · Moustapha · مصطفیٰ
Salah · صلاح
Saleh · صالح · Salih
Huda · هدى · Houda
Aya · آية
Awa · أوا · Aoua
Hawa · حواء · Haoua
Zakaria · زكريا · Zakariya
Ismail · إسماعيل · اسماعيل · Ismaïl
Idris · إدريس · Idriss
Tariq · طارق · Tarek
Rashid · رشيد · Rachid
Fawad · Fouad · فؤاد · فواد
Anwar · أنور · Anouar
Marwan · Marouane · مروان
Nawaz · نواز
Niaz · نیاز
Shah · شاہ · شاه
Zia · ضياء · ضیا
Bilal · بلال
Haroun · هارون · Haroon
Lamine · Lamin · لمين
Ayoub · أيوب · Ayub · Ayyub
Sylla · Silla · سيلا
Elhadj · El Hadj · الحاج · Al Haj
Hayat · حياة
Butt · بٹ
Daouda · Dawda · داودا
Dawood · Daoud · داود
Barry · باري · Barrie
Imran · عمران
Qasim · قاسم · Kassem
Yunus · يونس · Younes · Younous
Mansour · منصور · Mansoor
Kulthum · كلثوم · Kalthoum · Kulsoom
Dembélé · Dembele · ديمبيلي
Adeel · عدیل · Adil
Zahra · زهراء · زهرة
Habibullah · حبيب الله · Habib Ullah
Iqbal · اقبال · إقبال
Hamid · حامد · حميد
Salman · سلمان
Suleiman · Souleymane · سليمان · Sulaiman · Sliman · Suleman · Soulaymane · Solaiman
Syed · Sayed · Sayyid · سيد · سید
Ziad · زياد · Ziyad
Zaid · زيد · Zayd
Riaz · ریاض · Riad · Riyadh
Salwa · سلوى
Haile · Hailé
Ndour · Ndur
Kourouma · Koroma · كوروما
Sidibé · Sidibe · سيديبي
Konaté · Konateh · كوناتي
Farooq · فاروق · Farouk
Nadeem · نديم · ندیم
Shahid · شاهد · شاہد
Waqas · وقاص
Yasir · ياسر · Yasser
Nasir · ناصر · Nasser · Naser
Akhtar · أختر · اختر
Bashir · بشير · Bachir
Latif · لطيف
Amadou · أمادو
Bakary · باكاري
Diaby · ديابي · Jabbi · Jaby
Ghulam · غلام
Nabil · نبيل
Rahmat · رحمت
Ehsan · احسان · إحسان
Tahira · طاهرة
Sadiq · صادق
Siddiqui · صدیقی · Siddiqi
Afridi · آفریدی · افریدی
Abbas · عباس
Abbasi · عباسی
Raja · راجہ · راجا
Rana · رانا
Mirza · مرزا · میرزا
Cheema · چیمہ
Warraich · وڑائچ
Minhas · منہاس
Janjua · جنجوعہ
Hanan · حنان
Salim · سالم · سليم
Nour · نور
Noura · نورة
Nadia · نادية
Nada · ندى
Ayman · أيمن · Iman · إيمان
Hana · هناء
Wafa · وفاء
Sana · سناء
Asma · أسماء
Fares · فارس
Hind · هند
Mourad · مراد
Nasrin · نسرين
Rahim · رحيم
Hamza · Hamzah · حمزة
Bushra · Boushra · بشرى
Jafar · Jaafar · Djaafar · جعفر
Abdul Qadir · Abdelkader · عبد القادر
Hidayatullah · Hidayat Ullah · ہدایت اللہ
Shamsuddin · Chamseddine · Chams Eddine · شمس الدين
Nawfal · Naoufel · نوفل
Haytham · Haitham · Haithem · هيثم
Pervez · Parvez · پرویز
Iftikhar · Iftekhar · افتخار
Fofana · Fofanah · فوفانا
Saidou · Saidu · Seydou · سيدو
Rokia · Rukaya · Ruqayya · رقية
Nuur · Nour · نور
Bibi · بی‌بی
Gebremariam · Ghebremariam
"""

#: Names that are not to meet, on one line.
APART = """
Hassan حسن · Hussein حسين
Ali علي · Alia عالية · Ala علاء
Sara سارة · Samira سميرة
Amina أمينة · Amin أمين
Omar عمر · Amr عمرو · Amir أمير · Umair عمير
Fatima فاطمة · Fatoumata فاتوماتا
Muhammad محمد · Mahmoud محمود · Mamadou مامادو · Hamid حميد · Ahmad أحمد
Jamal جمال · Jamil جميل · Jamila جميلة
Khan خان · Kane كاني
Abdullah عبدالله · Abdelkarim عبد الكريم · Abdou عبدو
Karim كريم · Karam كرم
Isa عيسى · Aisha عائشة · Ida · Asia آسيا
Aya آية · Awa أوا · Yahya يحيى
Salman سلمان · Suleiman سليمان
Saad سعد · Saeed سعيد · Syed سيد
Salah صلاح · Saleh صالح · Salwa سلوى
Zaid زيد · Ziad زياد
Nour نور · Noura نورة · Nada ندى · Nadia نادية
Rashid رشيد · Rashad رشاد
Diallo جالو · Diarra جارا · Diop جوب
Usama أسامة · Asma أسماء
"""

#: Common names of Libya, its neighbours, West Africa and the Horn, one spelling of each.
REGION = """
Abdallah Abdelaziz Abdelkarim Abdi Abdirahman Abdou Abdoul Abebe Abid Abiola Abla Abrehet Abshir Adam
Adebayo Adnan Afaf Ahlam Aida Ala Alia Alioune Aliyu Almaz Alou Alpha Amal Amar Amin Amira Amr Anas Anis
Anissa Arafat Arwa Ashraf Asia Atef Ayan Ayman Ayoub Aziz Aziza Badr Bah Bakr Baldé Bangoura Barrow Barry
Bashir Basma Bassam Bello Bereket Berhane Biniam Bojang Burhan Ceesay Chidi Condé Conteh Dahir Danjuma Daoud
Darboe Dawit Deeqa Demba Diagne Diakité Dina Diop Doudou Drammeh Eltayeb Emad Emeka Essam Eyob Fadi Fahd
Faiza Fall Farah Faraj Farid Farida Farouk Fathi Fawzi Faye Filmon Fitsum Freweini Garba Gassama Gaye Gebre
Ghada Ghassan Girma Guèye Habib Hadi Hafsa Hagos Haile Haji Hajir Hala Halima Hamad Hamdi Hamid Hanan Hani
Harun Haruna Hashim Hatem Haya Hayat Helen Hiba Hind Hisham Hoda Hodan Hussein Ida Idris Ifeoma Ifrah Ikenna
Ikhlas Ilham Isa Ishaq Ismail Iyad Jaber Jafar Jalal Jama Jamal Jamila Jammeh Jarju Jatta Jawad Jobarteh
Jumana Kaba Kabiru Kamal Kamara Kamel Kane Kanu Karam Kargbo Karim Karima Khadija Khalifa Khalil Kibrom
Kidane Koroma Laila Lamia Latifa Lawal Letay Liban Lina Loubna Ly Madiha Maha Maher Mahmoud Majda Majid
Malak Malika Manal Manneh Mansour Marwa Marwan Masoud Maysa Mbaye Meron Modou Mohamed Mona Mounir Mourad
Mubarak Mulu Murtada Musa Mustafa Nabil Nabila Nada Nadir Nafisa Nagla Naima Najat Najib Najla Najwa Nasr
Nasser Nawal Ndiaye Nermin Ngozi Niang Nimo Nizar Noha Nour Noura Nuri Obi Okafor Okonkwo Omnia Qadir Rabab
Rabi Radwan Rafik Raghad Rahma Rahwa Rajab Rami Rania Raouf Rasha Rashad Reda Rihab Rim Rima Robel Roble
Ruqaya Ruta Saba Sabah Saber Sabri Sadio Safa Safia Sagal Said Saida Sajida Salah Saleh Salim Salima Sall
Salma Salwa Samar Sami Samia Samir Samira Samuel Sani Sanneh Sano Sanyang Sara Sarr Sawsan Seck Selam Semere
Senait Sesay Shadi Shaima Sharif Shehu Shirin Sidi Siham Sofia Souad Sow Suha Suleiman Sumaya Sy Taha Talal
Tall Tamba Tamer Tawfik Tayeb Tekle Teklu Tesfay Thabit Thuraya Tsehay Tunde Uche Umaru Usama Wael Wafa
Wahid Walid Warda Warsame Wassim Widad Yahya Yakubu Yaqub Yassin Yohannes Younes Yusuf Zahra Zaid Zakaria
Zaki Zara Zeina Zemen Ziad Zouhair Zubaida Zuleikha
"""

#: Spellings of one name in REGION and in the names of the examples.
ONE_NAME = """
Idriss Idris
Ayesha Aïcha
Atif Atef
Kadidja Khadija
Camara Kamara
Lacina Lassina
Mehmood Mahmoud
Mansoor Mansour
Mariam Maryam
Moussa Musa
Rizwan Radwan
Rokia Ruqaya
Cissé Ceesay
Souleymane Suleiman
Saleem Salim
Omar Oumar
Waseem Wassim
Yasmin Yasmine
"""

#: Different names of these lists that meet all the same. A person looks at two people of like names and one birth date.
MISTAKEN = """
Amoin Amin
Amar Amr
Anas Inès
Barrow Brou
Berhane Burhan
Cheema Shaima
Conteh Konaté
Dahir Zouhair
Demba Doumbia
Dina Zeina
Hamed Hamid
Marwan Meron
Saba Sabah
Sani Sanneh
"""
