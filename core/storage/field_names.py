"""What the fields of a post are called by tools and by people, in the languages that they write."""

import re
from functools import lru_cache
from typing import Literal, get_args

Field = Literal["username", "caption", "taken_at", "id", "shortcode", "likes", "comments", "kind", "age"]

FIELDS: tuple[Field, ...] = get_args(Field)

USERS_ELSEWHERE = (
    *("benutzername", "nutzername", "nutzer", "kontoname", "konto", "profil", "profilname", "nickname", "screenname"),
    *("nom_d_utilisateur", "utilisateur", "pseudo", "compte", "nombre_de_usuario", "nombre_usuario", "usuario"),
    *("usuária", "cuenta", "perfil", "nome_de_usuário", "nome_de_usuario", "usuário", "conta", "nome_utente", "utente"),
    *("gebruikersnaam", "gebruiker", "nazwa_użytkownika", "użytkownik", "konto_użytkownika", "användarnamn"),
    *("användare", "brukernavn", "bruker", "brugernavn", "bruger", "käyttäjänimi", "käyttäjätunnus", "kullanıcı_adı"),
    *("kullanıcı", "uživatelské_jméno", "felhasználónév", "nume_utilizator", "имя_пользователя", "пользователь"),
    *("логин", "ник", "никнейм", "аккаунт", "ім_я_користувача", "ユーザー名", "ユーザーネーム", "アカウント", "用户名"),
    *("用戶名", "用户", "使用者名稱", "帳號", "账号", "사용자_이름", "사용자명", "아이디", "계정", "اسم_المستخدم"),
)
"""What a column of accounts is called in other languages than English, as :func:`plain_name` writes it."""

AGES_ELSEWHERE = (
    *("alter", "lebensalter", "alter_in_jahren", "edad", "âge", "idade", "età", "leeftijd", "wiek", "ålder"),
    *("alder", "ikä", "yaş", "věk", "életkor", "vârsta", "возраст", "вік", "年齢", "年龄", "年齡", "나이"),
    *("연령", "العمر"),
    *("altersgruppe", "grupo_de_edad", "tranche_d_âge", "faixa_etária", "fascia_d_età", "leeftijdsgroep"),
)
"""What a column of ages is called in other languages than English."""

USUAL_NAMES: dict[Field, tuple[str, ...]] = {
    "username": (
        *("username", "user_name", "owner_username", "user_username", "post_owner_username", "author_username"),
        *("user_posted", "account_handle", "account_username", "profile_username", "handle", "screen_name"),
        *("user_screen_name", "author_screen_name", "author", "user", "account", "profile", "owner", "blogger"),
        *("participant", "profile_name", "profile_url", "owner_url", "user_url", "account_url", *USERS_ELSEWHERE),
        *("user_id", "author_id", "owner_id", "userid", "ownerid", "participant_id"),
    ),
    "caption": (
        *("caption", "caption_text", "post_caption", "edge_media_to_caption", "full_text", "text", "body"),
        *("edge_media_to_caption_edges", "edge_media_to_caption_edges_0_node_text", "post_content"),
        *("description", "post_description", "message", "post_text", "tweet", "captions", "desc", "beitragstext"),
        *("bildunterschrift", "beschreibung", "beitrag", "légende", "legende", "texte", "descripción", "descripcion"),
        *("texto", "leyenda", "pie_de_foto", "publicación", "legenda", "descrição", "descricao", "didascalia", "testo"),
        *("descrizione", "bijschrift", "beschrijving", "tekst", "opis", "podpis", "treść", "bildtext", "beskrivning"),
        *("billedtekst", "bildetekst", "beskrivelse", "kuvateksti", "teksti", "açıklama", "metin", "popisek", "szöveg"),
        *("leírás", "подпись", "текст", "описание", "підпис", "キャプション", "テキスト", "本文", "説明", "标题"),
        *("正文", "文案", "描述", "說明", "내용", "캡션", "설명", "게시글", "نص"),
        *("content", "post", "title", "excerpt"),
    ),
    "taken_at": (
        *("taken_at", "taken_at_timestamp", "taken_at_iso", "date_posted", "posted_at", "post_date", "pub_date"),
        *("pubdate", "published_at", "publish_date", "publish_time", "publication_date", "publication_time"),
        *("post_created", "creation_time", "creation_timestamp", "unix_timestamp", "created_at", "created_time"),
        *("created_utc", "utc_time", "date_utc", "upload_date", "uploaded_at", "date_uploaded", "date_published"),
        *("published", "posted", "posted_on", "uploaded", "created_on", "created", "datetime", "date", "time"),
        *("timestamp", "datum", "zeit", "zeitpunkt", "veröffentlicht", "veröffentlicht_am", "date_de_publication"),
        *("heure", "fecha", "fecha_de_publicación", "hora", "data_de_publicação", "data_di_pubblicazione"),
        *("tijd", "data_publikacji", "tid", "dato", "publicerad", "päivämäärä", "tarih", "дата", "дата_публикации"),
        *("время", "日付", "日時", "投稿日", "投稿日時", "日期", "时间", "發布時間", "发布时间", "날짜"),
        *("작성일", "게시일", "تاريخ"),
    ),
    "id": ("post_id", "post_pk", "platform_id", "pk", "id", "media_id", "tweet_id", "status_id", "object_id"),
    "shortcode": (
        *("post_shortcode", "shortcode", "code", "short_code", "post_url", "post_link", "permalink", "url", "link"),
        *("media_url", "input_url"),
    ),
    "likes": (
        *("likes", "like_count", "likes_count", "likescount", "num_likes", "number_of_likes", "edge_liked_by_count"),
        *("liked_by_count", "edge_media_preview_like_count", "preview_like_count", "statistics_like_count"),
        *("statistics_actual_like_count", "statistics_actual_favorite_count", "actual_like_count"),
        *("actual_favorite_count", "favorite_count", "gefällt_mir", "j_aime", "mentions_j_aime", "me_gusta"),
        *("curtidas", "mi_piace", "vind_ik_leuks", "polubienia", "gillar", "beğeni", "лайки", "いいね", "点赞"),
        *("좋아요"),
    ),
    "comments": (
        *("comments", "comment_count", "comments_count", "commentscount", "num_comments", "number_of_comments"),
        *("edge_media_to_comment_count", "edge_media_to_parent_comment_count", "statistics_comment_count"),
        *("statistics_actual_comment_count", "actual_comment_count", "kommentare", "commentaires", "comentarios"),
        *("comentários", "commenti", "reacties", "komentarze", "kommentarer", "yorumlar", "комментарии", "评论"),
    ),
    "kind": ("typename", "media_type", "content_type", "post_type", "product_type", "type", "is_video", "is_sidecar"),
    "age": ("age", "labeled_age", "labelled_age", *AGES_ELSEWHERE),
}
"""What each field is usually called, the best name first, as :func:`plain_name` writes it."""

_IS_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_AROUND = re.compile(r"^(?:lvl_\d+|instagram|insta|ig|media|post|posts|node|data|tweet)_|_(?:utc|gmt|iso)$")


def plain_name(name: str) -> str:
    """A field's name in lower case with ``_`` between its words: ``ownerUsername`` is ``owner_username``."""
    # every record of a source has the same names; a long one is somebody's text, and not worth the memory
    return (_plain_name if len(name) < 100 else _plain_name.__wrapped__)(name)


@lru_cache(maxsize=10_000)
def _plain_name(name: str) -> str:
    words = re.sub(r"[^\w]+", "_", _IS_CAMEL.sub("_", name.strip().strip("\ufeff")))
    return re.sub(r"_+", "_", words).strip("_").lower()


def core_name(plain: str) -> str:
    """A plain name without what tools put around it: ``media_caption`` is ``caption``, ``date_gmt`` is ``date``."""
    return _AROUND.sub("", _AROUND.sub("", plain)) or plain
