"""What stays of a photo to find the same picture again."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from refundlens.serving.storage.base import DIGEST, ID, Base

NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up by itself only in a column that it calls INTEGER."""


class PhotoPrint(Base):
    """The print of a refund's photo, gone with the photo. number: what indexes call it; never given twice. content:
    `model.compare.prints.Print` as bytes. pdq: the hash that others exchange, in hexadecimal."""

    __tablename__ = "photo_print"
    __table_args__ = (Index("ix_photo_print_image", "image_id", unique=True), {"sqlite_autoincrement": True})

    number: Mapped[int] = mapped_column(NUMBER, primary_key=True, autoincrement=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    image_id: Mapped[str] = mapped_column(ID, ForeignKey("image.id"))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    pdq: Mapped[str] = mapped_column(DIGEST)
    created_at: Mapped[datetime]
