"""Sentences that say that an AI made the picture are read in the languages of phones and apps; denials, questions,
camera functions, goods and what is said of other pictures or of texts are not."""

import time

import pytest

from refundlens.model.photo.ai_sentences import LONGEST, says_ai_made
from refundlens.model.photo.tools import claimed_tool, crediting_tool, named_tool
from tests.model.photo.test_variations import NAMING, TEXT_PLACES, said

SAID = {
    "Romanian": (
        "generat de AI | Imagine generată de AI | Generat de inteligența artificială | Creat cu AI | "
        "Imagine creată cu inteligență artificială | Conținut generat de IA | "
        "Generat cu ajutorul inteligenței artificiale | Realizat cu AI"
    ),
    "Croatian": (
        "generirano umjetnom inteligencijom | Generirano AI-jem | "
        "Slika generirana umjetnom inteligencijom | Izrađeno pomoću umjetne inteligencije | "
        "Stvoreno umjetnom inteligencijom | Izrađeno uz pomoć AI | "
        "Sadržaj generiran umjetnom inteligencijom"
    ),
    "Serbian": (
        "Генерисано вештачком интелигенцијом | Generisano veštačkom inteligencijom | "
        "Napravljeno pomoću veštačke inteligencije | Слика генерисана помоћу вештачке интелигенције | "
        "Kreirano pomoću AI"
    ),
    "Slovenian": (
        "Ustvarjeno z umetno inteligenco | Generirano z UI | Slika, ustvarjena z umetno inteligenco | "
        "Vsebina, ustvarjena z umetno inteligenco | Izdelano z umetno inteligenco"
    ),
    "Turkish": (
        "yapay zekâ ile oluşturuldu | Yapay zeka ile oluşturulmuştur | AI ile oluşturuldu | "
        "Yapay zekâ tarafından oluşturulan içerik | Yapay zeka tarafından üretilmiştir | "
        "Bu görsel yapay zekâ ile üretilmiştir | YZ ile oluşturuldu | AI tarafından oluşturulan içerik | "
        "Yapay zekayla üretildi"
    ),
    "Indonesian": (
        "Dibuat dengan AI | Dihasilkan oleh AI | Gambar ini dibuat dengan AI | "
        "Dibuat menggunakan kecerdasan buatan | Konten buatan AI | Gambar buatan AI | Dihasilkan AI | "
        "Konten yang dibuat AI"
    ),
    "Malay": (
        "Dijana oleh AI | Imej dijana AI | Kandungan dijana AI"
    ),
    "Vietnamese": (
        "Được tạo bởi AI | Tạo bằng AI | Hình ảnh do AI tạo | Ảnh được tạo bằng trí tuệ nhân tạo | "
        "Nội dung do AI tạo | Nội dung được tạo bởi AI | Do AI tạo ra"
    ),
    "Thai": (
        "สร้างโดย AI | สร้างด้วย AI | ภาพที่สร้างโดย AI | ภาพนี้สร้างด้วยปัญญาประดิษฐ์ | "
        "เนื้อหาที่สร้างโดย AI | ภาพสร้างจาก AI"
    ),
    "Arabic": (
        "تم إنشاؤه بواسطة الذكاء الاصطناعي | مُنشأ بالذكاء الاصطناعي | صورة مولدة بالذكاء الاصطناعي | "
        "تم إنشاء هذه الصورة باستخدام الذكاء الاصطناعي | تم التوليد بواسطة الذكاء الاصطناعي | "
        "محتوى من إنشاء الذكاء الاصطناعي | تم إنشاؤها بواسطة الذكاء الاصطناعي"
    ),
    "Persian": (
        "ساخته شده با هوش مصنوعی | تولید شده توسط هوش مصنوعی | تصویر ساخته‌شده با هوش مصنوعی"
    ),
    "Hebrew": (
        "נוצר באמצעות AI | נוצר על ידי בינה מלאכותית | תמונה שנוצרה באמצעות בינה מלאכותית | "
        "נוצר בבינה מלאכותית"
    ),
    "Hindi": (
        "AI द्वारा निर्मित | एआई द्वारा बनाई गई छवि | AI से बनाया गया | "
        "कृत्रिम बुद्धिमत्ता द्वारा निर्मित | AI की मदद से बनाया गया | यह छवि AI द्वारा बनाई गई है | "
        "AI जनरेटेड"
    ),
    "Bengali": (
        "AI দ্বারা তৈরি | এআই দিয়ে তৈরি | কৃত্রিম বুদ্ধিমত্তা দ্বারা তৈরি"
    ),
    "Polish": (
        "Wygenerowano przez AI | Wygenerowane przez sztuczną inteligencję | Obraz wygenerowany przez AI | "
        "Stworzone przez AI | Utworzono za pomocą AI | "
        "Obraz utworzony przy użyciu sztucznej inteligencji | Wygenerowano przy pomocy SI | "
        "Treść wygenerowana przez AI | Zdjęcie wygenerowane przez sztuczną inteligencję"
    ),
    "Czech": (
        "Vygenerováno umělou inteligencí | Vytvořeno pomocí AI | Obrázek vytvořený umělou inteligencí | "
        "Vygenerováno AI | Obsah vytvořený pomocí AI | Vytvořeno s pomocí umělé inteligence"
    ),
    "Slovak": (
        "Vygenerované umelou inteligenciou | Vytvorené pomocou AI | "
        "Obrázok vytvorený umelou inteligenciou | Obsah vygenerovaný AI"
    ),
    "Hungarian": (
        "Mesterséges intelligenciával készült | MI által generált kép | AI-val készült | "
        "AI által generált | Mesterséges intelligencia által létrehozva | MI által létrehozott tartalom | "
        "AI-generált kép"
    ),
    "Dutch": (
        "Gemaakt met AI | Gegenereerd door AI | AI-gegenereerd | Afbeelding gegenereerd door AI | "
        "Deze afbeelding is gemaakt met AI | Gemaakt met kunstmatige intelligentie | "
        "AI-gegenereerde afbeelding | Door AI gegenereerd | Door AI gegenereerde content"
    ),
    "Portuguese": (
        "Gerado por IA | Criado com IA | Imagem gerada por IA | Gerada por inteligência artificial | "
        "Esta imagem foi gerada por IA | Feito com IA | Conteúdo gerado por IA | "
        "Criado por inteligência artificial | Gerado com recurso a IA | Imagem criada com IA"
    ),
    "Ukrainian": (
        "Згенеровано ШІ | Створено за допомогою ШІ | Зображення створено штучним інтелектом | "
        "Згенеровано штучним інтелектом | Створено ШІ | Вміст створено ШІ | Зображення, згенероване ШІ"
    ),
    "Russian": (
        "Сгенерировано ИИ | Создано с помощью ИИ | Изображение создано ИИ | Сгенерировано нейросетью | "
        "Создано нейросетью | Создано искусственным интеллектом | "
        "Изображение сгенерировано искусственным интеллектом | Контент создан ИИ | "
        "Фото сгенерировано нейросетью"
    ),
    "Bulgarian": (
        "Генерирано от ИИ | Създадено с изкуствен интелект | Генерирано с AI | "
        "Изображение, генерирано от изкуствен интелект"
    ),
    "Greek": (
        "Δημιουργήθηκε με AI | Δημιουργήθηκε από τεχνητή νοημοσύνη | "
        "Εικόνα που δημιουργήθηκε με τεχνητή νοημοσύνη | Περιεχόμενο που δημιουργήθηκε από AI"
    ),
    "Swedish": (
        "AI-genererad | Skapad med AI | AI-genererat innehåll | Bilden är skapad med AI | "
        "Genererad av AI | AI-genererad bild | Skapat med artificiell intelligens"
    ),
    "Danish": (
        "AI-genereret | Lavet med AI | Skabt med AI | Genereret af AI | AI-genereret indhold | "
        "Genereret med kunstig intelligens | Oprettet med AI"
    ),
    "Norwegian": (
        "KI-generert | Laget med KI | AI-generert | Generert av AI | Generert med kunstig intelligens | "
        "Opprettet med AI | Bildet er laget med kunstig intelligens | KI-generert innhold"
    ),
    "Finnish": (
        "Tekoälyn luoma | Luotu tekoälyllä | Tekoälyn luoma kuva | Tekoälyllä luotu | "
        "Tekoälyn luomaa sisältöä | Kuva on luotu tekoälyllä | Tehty tekoälyllä"
    ),
    "Estonian": (
        "Loodud tehisintellektiga | AI loodud | Tehisintellekti loodud pilt | Loodud tehisaru abil"
    ),
    "Latvian": (
        "Radīts ar mākslīgo intelektu | MI ģenerēts | Ģenerēts ar MI | Mākslīgā intelekta radīts attēls"
    ),
    "Lithuanian": (
        "Sukurta dirbtinio intelekto | Sukurta naudojant DI | DI sugeneruotas vaizdas | "
        "Sugeneruota dirbtinio intelekto"
    ),
    "Catalan": (
        "Generat per IA | Creat amb IA | Imatge generada per IA | Creat amb intel·ligència artificial | "
        "Fet amb IA"
    ),
    "Filipino": (
        "Ginawa gamit ang AI | Ginawa ng AI | Nilikha ng AI"
    ),
    "Spanish": (
        "Generado por IA | Creado con IA | Imagen generada por IA | "
        "Imagen creada con inteligencia artificial | Hecho con IA | Contenido generado por IA | "
        "Esta imagen ha sido generada por IA | Generada mediante IA | Imagen generada con IA | "
        "Generado por inteligencia artificial | Creado mediante inteligencia artificial"
    ),
    "Italian": (
        "Generato dall'IA | Generata con l'IA | Immagine generata dall'IA | Contenuti generati dall'AI | "
        "Creato con IA | Creato con l'intelligenza artificiale | Realizzato con l'AI | "
        "Immagine creata con intelligenza artificiale | Generato da AI | "
        "Generato dall’intelligenza artificiale | Immagine generata tramite IA"
    ),
    "French": (
        "Généré par IA | Image générée par l'IA | Créé avec l'IA | "
        "Image créée par intelligence artificielle | Généré par l’intelligence artificielle | "
        "Contenu généré par IA | Généré par une IA | Fait avec l'IA | Image générée à l'aide de l'IA | "
        "Réalisé avec l'IA | Créée à l’aide de l’intelligence artificielle | "
        "Cette image a été générée par une IA"
    ),
    "German": (
        "KI-generiert | Mit KI erstellt | Von KI generiert | Durch KI erzeugt | KI-generiertes Bild | "
        "Bild mit KI erstellt | Mit künstlicher Intelligenz erstellt | Erstellt mit KI | "
        "Generiert mit KI | KI-generierter Inhalt | Mit Hilfe von KI erstellt | "
        "Dieses Bild wurde mit KI generiert | KI generiert | Dieses Bild ist KI-generiert | "
        "Mithilfe von KI generiert | Erzeugt durch künstliche Intelligenz | Erstellt von KI | "
        "Mittels KI erstellt"
    ),
    "Japanese": (
        "AIによって生成 | AIで生成 | AI生成画像 | AIで作成 | AIで生成した画像 | AIが生成した画像 | "
        "この画像はAIによって生成されました | 生成AIで作成 | "
        "AIにより作成されたコンテンツ | AI生成コンテンツ | 人工知能によって生成 | 画像生成AIを使用"
    ),
    "Korean": (
        "AI로 생성 | AI로 생성한 이미지 | AI가 생성한 이미지 | AI 생성 이미지 | AI로 제작 | AI로 만든 이미지 | "
        "인공지능으로 생성 | "
        "이 이미지는 AI로 생성되었습니다 | AI 생성물 | AI로 생성한 콘텐츠"
    ),
    "English": (
        "AI-generated | AI generated image | Made with AI | Created with AI | Generated by AI | "
        "This image was generated by AI | AI-generated content | Contains AI-generated content | "
        "Edited with AI | AI-edited | AI edited photo | Enhanced with generative AI | "
        "Created using generative AI | Created using generative AI tools | Generative AI | #AIgenerated | "
        "#madewithai | Created by artificial intelligence | Generated with artificial intelligence | "
        "Image created with the help of AI | Created with the help of AI | Digitally created with AI | "
        "Created by an AI | Generated by an AI model | AI Generated Photo | Photo generated by AI | "
        "Picture made by AI | AI-made | AI-created image | A.I. generated | Generated by A.I. | "
        "Fully AI-generated"
    ),
    "Chinese": (
        "AI生成 | 由AI生成 | 图片由AI生成 | AI合成 | 本图片由人工智能生成 | 人工智能生成 | AI创作 | AI绘图 | "
        "AI作画 | AI制作 | 由AI製作 | AI產生 | "
        "AI 生成圖片 | 本圖由AI產生 | AI生成圖像 | 图片由 AI 生成 | AI 生成，仅供参考 | 本内容由AI生成 | "
        "内容由AI生成，请仔细甄别 | AI辅助生成 | "
        "图片为AI合成 | 含AI生成内容 | 部分内容由AI生成"
    ),
    "other words": (
        "KI-generierte Inhalte | Contenu généré par l'IA | Treści wygenerowane przez AI | "
        "Контент, созданный ИИ | Вміст, створений ШІ | محتوى تم إنشاؤه بواسطة الذكاء الاصطناعي | "
        "Nội dung do AI tạo ra | Obsah vygenerovaný umělou inteligencí | "
        "Mesterséges intelligencia által létrehozott tartalom | Tekoälyn luoma sisältö | "
        "Генерирано от AI съдържание | Садржај који је генерисала ВИ | תוכן שנוצר על ידי AI | "
        "محتوای تولید شده توسط هوش مصنوعی | AI से तैयार कंटेंट | AIによる生成コンテンツ | AI로 생성된 콘텐츠 | "
        "Dieses Foto wurde von einer KI erstellt | Diese Grafik wurde vollständig mit KI erzeugt | "
        "Ce visuel a été créé par l'intelligence artificielle | Photo créée avec une IA | "
        "Foto creada por inteligencia artificial | Esta foto fue creada con inteligencia artificial | "
        "Imagem produzida por inteligência artificial | Foto gerada com IA generativa | "
        "Questa foto è stata creata dall'intelligenza artificiale | "
        "Fotografie generată cu inteligența artificială | Această imagine a fost generată de AI | "
        "Ova slika je stvorena umjetnom inteligencijom | Fotografija je generirana pomoću AI | "
        "Ta slika je bila ustvarjena z umetno inteligenco | Bu fotoğraf yapay zeka ile üretildi | "
        "Yapay zekâ kullanılarak oluşturulmuştur | Yapay zekâ üretimi | "
        "Foto ini dihasilkan oleh kecerdasan buatan | Bức ảnh này được tạo bởi trí tuệ nhân tạo | "
        "Ảnh do trí tuệ nhân tạo tạo ra | รูปภาพนี้ถูกสร้างขึ้นโดย AI | صورة تم إنشاؤها باستخدام AI | "
        "هذه الصورة من صنع الذكاء الاصطناعي | यह तस्वीर एआई से बनाई गई है | AI-जनरेटेड | "
        "To zdjęcie zostało wygenerowane przez AI | Obraz stworzony przez sztuczną inteligencję | "
        "Wygenerowane z pomocą AI | Tento obrázek byl vygenerován AI | "
        "Tento obrázok bol vytvorený umelou inteligenciou | "
        "Ez a kép mesterséges intelligenciával készült | AI-jal generált | "
        "Deze foto werd gemaakt door AI | Foto gemaakt met AI | Beeld gegenereerd met AI | "
        "Gegenereerd met kunstmatige intelligentie | Это изображение сгенерировано нейросетью | "
        "Сделано нейросетью | Нарисовано нейросетью | Картинка сгенерирована ИИ | "
        "Изображение сгенерировано с помощью искусственного интеллекта | "
        "Зображення згенеровано штучним інтелектом | Це фото створено за допомогою штучного інтелекту | "
        "Изображението е генерирано с ИИ | Η εικόνα δημιουργήθηκε με τεχνητή νοημοσύνη | "
        "Bilden är genererad av AI | Bild skapad av AI | Billedet er genereret af AI | "
        "Dette billede er lavet med kunstig intelligens | Bilde generert av KI | Kuva on tekoälyn luoma | "
        "Pilt on loodud tehisintellektiga | Attēls ģenerēts ar mākslīgo intelektu | "
        "Vaizdas sukurtas dirbtinio intelekto | Imatge creada amb IA | 画像はAIで生成されています | "
        "AIで生成しました | AI作成 | "
        "이 사진은 AI로 만들어졌습니다 | AI 생성 | 인공지능이 생성한 사진 | Foto buatan AI | "
        "Gambar ini dijana oleh AI | "
        "Gerado com IA | Feita por IA | Criada pela IA | Hecha por IA | "
        "Generada con inteligencia artificial generativa | Généré avec l'aide de l'IA | "
        "Fatto con intelligenza artificiale | Creata usando l'IA | Realizată cu IA | "
        "Napravljeno umjetnom inteligencijom | Kreirano uz pomoć umjetne inteligencije | Narejeno z AI | "
        "Erzeugt mit generativer KI | Mit Unterstützung von KI erstellt | KI-erstellt | "
        "Foto: KI-generiert | 本图为AI生成 | 画面由AI生成 | 图为AI生成图 | AI生成图片 | 该图片由人工智能技术生成 | "
        "本作品使用AI创作 | 图片来自AI生成 | "
        "AI 生成 | 内容由 AI 生成 | 由AI生成的内容 | 內容由AI生成 | AI生成影像 | AI生成示意图 | 示意图，AI生成"
    ),
}  # fmt: skip
"""By language, divided by bars."""
NOT_SAID = {
    "Romanian": (
        "Nu este generat de AI | ai generat factura | Creat de ai noștri | "
        "Imaginea nu a fost creată cu AI | fără AI | Generat de AI? Nu | Produs creat de Ai Wei | "
        "Nu a fost generată de inteligența artificială | Scenă AI | Cameră AI"
    ),
    "Croatian": (
        "Nije generirano umjetnom inteligencijom | Slika nije generirana umjetnom inteligencijom | "
        "knjiga Umjetna inteligencija | AI scena | Bez AI"
    ),
    "Slovenian": (
        "Ni ustvarjeno z umetno inteligenco | Slika ni ustvarjena z UI | Umetna inteligenca, knjiga"
    ),
    "Turkish": (
        "Yapay zeka ile oluşturulmadı | Yapay zeka ile oluşturulmamıştır | "
        "Yapay zekâ ile oluşturuldu mu? | yapay zeka kitabı | AI ile oluşturulmadı | AI sahne | "
        "Yapay zekâ ile üretilmiş oyuncak bozuk | Yapay zeka değil"
    ),
    "Indonesian": (
        "Bukan buatan AI | Tidak dibuat dengan AI | Buku AI rusak | Mode AI | Adegan AI | "
        "Dibuat dengan air | Dibuat dengan AI? Tidak | Foto asli, bukan AI"
    ),
    "Vietnamese": (
        "Được tạo bởi ai? | được tạo bởi ai | Không phải do AI tạo | Ảnh không được tạo bằng AI | "
        "Ai làm vậy | Cảnh AI | Chế độ AI | Nội dung do ai tạo | Ảnh thật, không phải AI"
    ),
    "Thai": (
        "ไม่ได้สร้างโดย AI | ไม่ใช่ภาพที่สร้างโดย AI | โหมด AI | กล้อง AI | ภาพนี้ไม่ได้สร้างด้วย AI"
    ),
    "Arabic": (
        "لم يتم إنشاؤه بواسطة الذكاء الاصطناعي | ليست مولدة بالذكاء الاصطناعي | كتاب الذكاء الاصطناعي | "
        "صورة غير مولدة بالذكاء الاصطناعي | وضع الذكاء الاصطناعي | كاميرا الذكاء الاصطناعي | "
        "هل تم إنشاؤه بواسطة الذكاء الاصطناعي؟ | هذه الصورة لم يتم إنشاؤها بواسطة الذكاء الاصطناعي"
    ),
    "Persian": (
        "با هوش مصنوعی ساخته نشده | تصویر با هوش مصنوعی ساخته نشده است"
    ),
    "Hebrew": (
        "לא נוצר באמצעות AI | תמונה שלא נוצרה באמצעות AI"
    ),
    "Hindi": (
        "AI द्वारा निर्मित नहीं | यह छवि AI द्वारा नहीं बनाई गई | AI से नहीं बनाया गया | AI कैमरा | "
        "AI सीन | क्या AI द्वारा निर्मित?"
    ),
    "Polish": (
        "Nie wygenerowano przez AI | To nie jest obraz wygenerowany przez AI | "
        "Zdjęcie nie zostało wygenerowane przez AI | Książka o sztucznej inteligencji | Tryb AI | "
        "Wygenerowano przez AI? Nie | Scena AI | Niewygenerowane przez AI | "
        "Wygenerowano przez system faktur | bez użycia AI"
    ),
    "Czech": (
        "Nevygenerováno AI | Není vytvořeno pomocí AI | Fotka není vytvořená umělou inteligencí | "
        "Kniha o umělé inteligenci | Režim AI | Bez AI"
    ),
    "Hungarian": (
        "Nem mesterséges intelligenciával készült | Nem AI által generált | mi által készített torta | "
        "Mi készült? | A kép nem AI-val készült | AI-val készült? Nem"
    ),
    "Dutch": (
        "Niet gemaakt met AI | Niet door AI gegenereerd | Deze foto is niet gemaakt met AI | AI-camera | "
        "AI-modus | Gemaakt met Ai-Da | Boek over AI | Gemaakt met ai, knoflook | Gemaakt door Ai"
    ),
    "Portuguese": (
        "Não gerado por IA | Esta imagem não foi gerada por IA | Livro sobre IA | Não foi criado com IA | "
        "Modo IA | Criado por Ia Santos | Feito com iaiá | Gerado por IA? Não | Cena AI"
    ),
    "Ukrainian": (
        "Не створено ШІ | Фото не згенеровано ШІ | Книга про ШІ | Створено не ШІ | Режим ШІ"
    ),
    "Russian": (
        "Не создано ИИ | Фото не сгенерировано нейросетью | Книга про ИИ | Создано не ИИ | Режим ИИ | "
        "Изображение не создано ИИ | Создано ИИ? Нет"
    ),
    "Bulgarian": (
        "Не е генерирано от ИИ | Създадено с изкуствена кожа"
    ),
    "Greek": (
        "Δεν δημιουργήθηκε με AI | Βιβλίο τεχνητή νοημοσύνη"
    ),
    "Swedish": (
        "Inte AI-genererad | Inte skapad med AI | AI-kamera | AI-läge | Bilden är inte skapad med AI"
    ),
    "Danish": (
        "Ikke AI-genereret | Ikke lavet med AI | Billedet er ikke lavet med AI"
    ),
    "Norwegian": (
        "Ikke KI-generert | Ikke laget med KI | Bildet er ikke laget med KI"
    ),
    "Finnish": (
        "Ei tekoälyn luoma | Ei luotu tekoälyllä | Kuvaa ei ole luotu tekoälyllä | Tekoälykamera"
    ),
    "Spanish": (
        "No generado por IA | Esta imagen no ha sido generada por IA | No hecho con IA | Libro de IA | "
        "Hecho con Ia de la Rosa | Escena IA | Imagen no generada por IA | Sin IA | ¿Generado por IA? | "
        "Modo IA | Creado por Ia García | Imagen real, no IA"
    ),
    "Italian": (
        "Non generato dall'IA | Immagine non generata dall'IA | Fatto ai ferri | Creato dai nonni | "
        "Scena AI | Libro sull'IA | Generato dai miei | Creato con ia | Generati ai fini fiscali"
    ),
    "French": (
        "Non généré par IA | Image non générée par IA | Cette image n'a pas été générée par l'IA | "
        "Livre sur l'IA | Fait avec Ia | Créé par Ia Pietra | Mode IA | Sans IA | J'ai créé | Scène IA | "
        "Généré par IA ? Non"
    ),
    "German": (
        "Nicht KI-generiert | Nicht mit KI erstellt | Bild ist nicht KI-generiert | Buch über KI | "
        "KI-Kamera | KI-Modus | Kein KI-Bild | Ohne KI erstellt | "
        "Dieses Bild wurde nicht mit KI generiert | Mit KI erstellt? Nein | KI-Szene | "
        "KI-generierte Musik CD | Von Ki Park erstellt | ohne KI"
    ),
    "Japanese": (
        "AIで生成したものではありません | AI生成ではない | AIカメラ | AIシーン | AIは使用していません | "
        "AI画像ではありません | AIで作成していません | "
        "この画像はAIによって生成されたものではありません"
    ),
    "Korean": (
        "AI로 생성하지 않았습니다 | AI 생성 이미지가 아닙니다 | AI 카메라 | AI 아님 | AI로 만들지 않음 | AI 장면"
    ),
    "English": (
        "Not AI generated | not AI-generated | AI-free | No AI | No AI used | AI scene | AI camera | "
        "AI Scene Detection | AI mode | Al generated | Made with Al | Al-generated | made with aluminium | "
        "Non-AI-generated | Human made, not AI | 100% real no AI | AI Weiwei | AI cam | AI beauty | "
        "AI HDR | AI enhance | AI bokeh | AI night | AI watch | AI Pin | Ai Aerts | Created without AI | "
        "Made without AI | Free of AI | Made with Air Max | Zero AI | Is this AI generated? | "
        "AI-generated: no | AI generated: false | AI generated = 0 | AI: off | never AI-generated | "
        "Photo, AI-free | Anti-AI glaze | noai | noimageai | Do not use for AI training | "
        "AI training prohibited | No generative AI training | AI Portrait mode | AI photo frame broken | "
        "AI image sensor | AI art book page torn | generative AI course"
    ),
    "Chinese": (
        "非AI | 非AI生成 | 不是AI | AI相机 | AI场景 | AI摄影 | AI美颜 | AI场景识别 | 未使用AI | 没有AI | "
        "AI音箱坏了 | AI学习机屏幕碎 | "
        "禁止AI训练 | 并非AI合成 | AI生成了吗 | 无AI痕迹 | 人工智能课本破损 | AI手机壳 | AI超清人像 | AI水印已关闭 | "
        "AI制作课程"
    ),
    "other words": (
        "Wird nicht von KI erstellt | Kein mit KI erstelltes Bild | "
        "Das Bild ist echt und nicht KI-generiert | L'image n'est pas générée par IA | "
        "Photo prise sans IA | No es una imagen generada por IA | Foto real, no generada por IA | "
        "Não é imagem gerada por IA | Non è stata creata con l'IA | Imaginea nu e generată de AI | "
        "Ova slika nije stvorena umjetnom inteligencijom | Bu fotoğraf yapay zeka ile üretilmedi | "
        "Yapay zeka ile üretilmemiş | Gambar ini bukan dibuat dengan AI | Ảnh này không do AI tạo | "
        "รูปนี้ไม่ได้สร้างโดย AI | هذه الصورة ليست من صنع الذكاء الاصطناعي | "
        "यह तस्वीर एआई से नहीं बनाई गई है | To zdjęcie nie jest wygenerowane przez AI | "
        "Tento obrázek nebyl vytvořen AI | Ez a kép nem mesterséges intelligenciával készült | "
        "Deze foto is niet door AI gemaakt | Это изображение не сгенерировано нейросетью | "
        "Не нарисовано нейросетью | Це фото створено не ШІ | 画像はAIで生成されていません | AIで生成していません | "
        "이 사진은 AI로 만들어지지 않았습니다 | AI 생성 아님 | Cadou făcut de Ai Mei | Generator AI | "
        "Torba z AI nadrukiem | "
        "Samsung AI Bildschirm | Ai-Phone | Mi által küldött kép | Mi keszult | Ki Ju erstellt | AI. | "
        "AI | ai | IA | KI | Ia | Photo IA Studio | Scenă: AI | AI-Sceneoptimering | Optimización IA | "
        "Otimizador de cena IA | AI szene | Optymalizacja sceny AI | Yapay Zeka Kamera | "
        "Yapay zeka sahne | Kamera AI aktif | Chế độ AI: bật | AI ON | AI: on | ai_scene=3 | AI_Scene: 8 | "
        "AI智能场景 | AI美景 | AI计算摄影 | AI增强 | AI四合一 | AI夜景 | 超级AI | AI修复屏 | AI生成的T恤图案掉色 | "
        "AI 生成的衣服 | "
        "Made in AI city | Al Generated | A1 generated | Made with A1 | Gemaakt met Al | Mit Kl erstellt | "
        "KL-generiert | Generado por la | gerado por LA | Creado con 1A | generated by al | "
        "AI generated report attached | The listing picture is AI generated | "
        "Seller used AI generated images | Seller's image: AI-generated | 卖家图AI生成 | "
        "卖家图是AI生成，与实物不符 | "
        "商品图由AI生成，实物不符 | 主图AI生成 | 宣传图AI合成 | Die Bilder im Shop sind KI-generiert | "
        "Las fotos del vendedor son generadas por IA | As fotos da loja são geradas por IA | "
        "Les photos du vendeur sont générées par IA | 판매자 사진은 AI로 생성된 이미지 | "
        "商品画像はAIで生成された画像 | "
        "Фото продавца сгенерировано нейросетью | Zdjęcie sprzedawcy wygenerowane przez AI | "
        "Foto del venditore generata dall'IA | AI generated description | Text generated by AI | "
        "Review generated by AI | Caption generated by AI | Alt text generated by AI | "
        "Description: AI-generated alt text | AI-generated caption | AI-generated alt text: a shirt | "
        "AI-generated description: a red shirt on a bed | Untertitel von KI erstellt | "
        "Legenda gerada por IA | Tłumaczenie wygenerowane przez AI | 翻译由AI生成 | 标题由AI生成 | 文案由AI生成 | "
        "描述由AI生成 | AI生成的描述：一件红色衬衫 | 此描述由AI生成"
    ),
    "denied behind": (
        "Mit KI bearbeitet – nein | Mit KI bearbeitet (nein) | Mit KI erstellt, stimmt nicht | "
        "Généré par IA (non) | Laget av KI – nei | сделано ИИ - нет | AI ile düzenlendi: hayır | "
        "Yapay zeka ile oluşturuldu: hayır | Dibuat dengan AI: tidak | Tạo bởi AI: không | "
        "تم إنشاؤه بواسطة الذكاء الاصطناعي: لا | נוצר באמצעות AI: לא | AI দ্বারা তৈরি: না | "
        "ساخته شده با هوش مصنوعی: خیر | Δημιουργήθηκε από AI: όχι | Създадено от AI: не | Створено ШІ: ні | "
        "Vytvořeno AI: ne | Vytvořeno pomocí AI – ne | Vytvorené AI: nie | Wygenerowano przez AI: nie | "
        "Generirano z AI: ne | Loodud AI poolt: ei | Luotu tekoälyllä: ei | Radīts ar MI: nē | "
        "Sukurta DI: ne | MI-vel készült: nem | Ginawa gamit ang AI: hindi | AI生成：否 | AI生成:无 | "
        "AI合成（否） | AIで生成: いいえ | AI로 생성: 없음 | AI로 생성: 아니요 | Gerado por IA: Não | "
        "Generato da IA: no | AI द्वारा निर्मित: नहीं | สร้างโดย AI: ไม่ใช่"
    ),
    "words in capitals, and numbers of months": (
        "Izrađeno VI. 2020. | Napravljeno VI. 2019 | Ustvarjeno VI. 2021 | Narejeno UI | Kreiran UI | "
        "MI KÉSZÜLT: HÁZI LEKVÁR | ÉS MI KÉSZÜLT: LEKVÁR | MI KÉSZÜLT | MI GENERÁLT"
    ),
    "sentences that list words, and persons": (
        "None of these pictures are stock, AI generated, or edited. | "
        "Is this real, AI generated, or just a bad print? | No stock photos, AI generated, or edited ones | "
        "Not stock, AI-generated, retouched | I swear it is not photoshopped, AI generated, fake | "
        "please no #AIgenerated comments | this is not #madewithAI | not #AI_generated"
    ),
}  # fmt: skip
_LABELS = (
    "Generat de AI",
    "Yapay zekâ ile oluşturuldu",
    "Сгенерировано нейросетью",
    "AI द्वारा निर्मित",
    "Được tạo bởi AI",
)


@pytest.mark.parametrize("language", SAID)
def test_what_says_that_an_ai_made_the_picture(language: str) -> None:
    missed = [text for text in SAID[language].split(" | ") if claimed_tool(text) is None]
    assert missed == []


@pytest.mark.parametrize("language", NOT_SAID)
def test_what_says_no_such_thing(language: str) -> None:
    for text in NOT_SAID[language].split(" | "):
        found = claimed_tool(text) or named_tool(text) or crediting_tool(text)
        assert found is None, text


@pytest.mark.parametrize("text", ["Picture Ai made", "Ai made, with love", "Photo Ai edited", "Ai edited"])
def test_who_is_called_ai_is_a_person(text: str) -> None:
    assert claimed_tool(text) is None


@pytest.mark.parametrize(
    "credit", ["Will Heaven, AI Editor", "Ann Lee / AI editor", "Ann Lee, senior AI editor"]
)
def test_who_edits_a_paper_s_pages_on_ai_is_a_person(credit: str) -> None:
    assert crediting_tool(credit) is None
    assert named_tool("AI Editor 2.1") is not None


@pytest.mark.parametrize(
    "text",
    [
        "Mit KI bearbeitet", "Modifié par IA", "Editado con IA", "Redigerad med AI", "Bewerkt met AI", "AI 편집",
        "Yapay zeka ile düzenlendi", "Отредактировано ИИ", "Chỉnh sửa bằng AI", "Disunting dengan AI",
        "Edytowane przez AI", "แก้ไขด้วย AI", "Muokattu tekoälyllä", "Edited with AI",
    ],
)  # fmt: skip
def test_what_was_edited_with_ai_is_not_said_to_be_made_by_it(text: str) -> None:
    found, named = claimed_tool(text), named_tool(text)
    assert found is not None and named is not None, text
    assert (found[0].kind, named.kind) == ("generative_editor", "generative_editor")


@pytest.mark.parametrize(
    "text",
    ["Ustvarjeno z UI", "Generisano pomoću VI", "MI által készült", "MI-vel készült", "AI-val készült"],
)
def test_abbreviations_that_are_words_count_with_their_case(text: str) -> None:
    assert says_ai_made(text)


@pytest.mark.parametrize("place", [*TEXT_PLACES, *NAMING])
@pytest.mark.parametrize("text", _LABELS)
def test_such_a_sentence_counts_in_every_place(place: str, text: str) -> None:
    if "gbk" in place:
        return
    assert "metadata.generator_name" in said({**TEXT_PLACES, **NAMING}[place](text))


@pytest.mark.parametrize(
    "text", ["Nu a fost generat de AI", "Yapay zekâ ile oluşturulmadı", "được tạo bởi ai", "Mod AI"]
)
def test_its_denial_counts_in_none(text: str) -> None:
    for write in (*TEXT_PLACES.values(), NAMING["exif software"], NAMING["xmp credit"]):
        assert "metadata.generator_name" not in said(write(text))


def test_letters_without_their_marks_and_several_sentences() -> None:
    assert says_ai_made("generat de inteligenta artificiala")
    assert says_ai_made("Kleid mit Loch. Mit KI erstellt.")
    assert says_ai_made("Dress, size M\nYapay zeka ile olusturuldu")
    assert not says_ai_made("Kleid, Loch im Ärmel. Mit KI-Kamera aufgenommen.")
    assert not says_ai_made("")


@pytest.mark.parametrize(
    "text", ["est la une das " * 60, "AI " * 400, "生成AI" * 300, "a.b;c|" * 200, "AI द्वारा " * 200]
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    says_ai_made(text[:LONGEST])
    assert time.process_time() - began < 0.1
