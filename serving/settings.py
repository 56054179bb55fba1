"""Every setting of the service and the command, read from the environment here and nowhere else.

A variable is the field's name in capitals with REFUNDLENS_ before it: REFUNDLENS_DATA_DIR=/srv/refundlens.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from refundlens.model.names import Device
from refundlens.serving.kit.language import Language

MEGABYTE = 1_000_000
EngineName = Literal["local", "triton", "ray"]


def cores() -> int:
    """Processors this process may use; fewer than the machine's inside a container or under taskset."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class SettingsError(ValueError):
    """A variable of the environment that cannot be used; the message names it and says what is wrong."""


class Settings(BaseSettings):
    """What can be set. Sizes in bytes, times in seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(env_prefix="REFUNDLENS_", extra="ignore")

    bundle: Path | None = Field(default=None, description="an ONNX bundle to use instead of the bundled one")
    data_dir: Path = Field(default=Path("var"), description="where the service keeps results and samples")
    trust_list: Path | None = Field(
        default=None,
        description="PEM certificates of authorities whose signers' Content Credentials (C2PA) count as proof",
    )
    bundle_signers: Path | None = Field(
        default=None,
        description="PEM file of public Ed25519 keys; a bundle that none of them signed neither runs nor is promoted",
    )
    language: Language = Field(default="en", description="language of the command's reasons")
    workers: int = Field(default_factory=cores, ge=1, description="pictures looked at at the same time")
    device: Device = Field(default="auto", description="what the model runs on")
    engine: EngineName = Field(
        default="local",
        description="where batches run: in this process, on Triton (KServe v2), or on Ray Serve",
    )
    engine_url: str = Field(
        default="",
        description="where that is: grpc://HOST:8001 or http://HOST:8000 of Triton; auto, or a Ray cluster's address",
    )
    engine_calls: int = Field(
        default=4, ge=1, description="batches under way there at once; twice as many as there are replicas"
    )
    max_decoded_bytes: int = Field(
        default=200 * MEGABYTE,
        ge=1,
        description="pixels of all photos being judged; one of 64 megapixels, or five of 12",
    )
    shadow: Path | None = Field(
        default=None, description="a bundle that is shown photos in idle time, to compare"
    )
    shadow_share: float = Field(default=0.1, ge=0, le=1, description="share of the photos it is shown")
    api_keys: Annotated[list[SecretStr], NoDecode] = Field(
        default_factory=list, description="keys the service accepts, separated by commas"
    )
    api_key: SecretStr | None = Field(
        default=None, description="key that `detect --engine URL` sends to another server"
    )
    database_url: str = Field(
        default="",
        description="where refunds and reports are kept: sqlite:///FILE or "
        "postgresql+psycopg://USER:PASSWORD@HOST/NAME; without one, SQLite in the data folder",
    )
    files: str = Field(
        default="",
        description="where photos, maps, evidence and models are kept: s3://, gs:// or oss://BUCKET/PREFIX; who we are "
        "there is told by the cloud's own variables, such as AWS_ACCESS_KEY_ID. Without one, the data folder",
    )
    files_endpoint: str = Field(
        default="",
        description="the server of that bucket, where it is neither Amazon's nor Google's: http://minio:9000, "
        "https://s3.oss-cn-hangzhou.aliyuncs.com",
    )
    secret: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="at least 32 characters nobody knows; buyers' hashes, webhook secrets and links are made with it. "
        "Without one, a file in the data folder; processes that share a database must share it",
    )
    public_url: str = Field(
        default="", description="the address that status links begin with, such as https://lens.example.com"
    )
    worker: bool = Field(
        default=True, description="screen reports, keep clocks and send webhooks in this process, too"
    )
    lease_seconds: int = Field(
        default=60,
        ge=1,
        description="a job taken by a process that died is taken by another after this; who lives renews its own",
    )
    screening_minutes: float = Field(
        default=30,
        gt=0,
        description="how long a reported photo may wait for the detector, at most half of what is left until its "
        "refund's deadline; then a person judges it",
    )
    appeal_hours: float = Field(default=72, gt=0, description="how long a verdict may be appealed")
    appeal_answer_hours: float = Field(default=72, gt=0, description="how long an appeal should take at most")
    photo_request_hours: float = Field(
        default=24,
        gt=0,
        description="how long the buyer has for another photo, at most until the refund's deadline",
    )
    integrity_days: int = Field(default=365, ge=1, description="how long a line of a buyer's record counts")
    keep_photos_days: int = Field(
        default=180,
        ge=1,
        description="photos of closed refunds are erased after this; verdicts and hashes stay",
    )
    keep_events_days: int = Field(
        default=90,
        ge=1,
        description="events and their deliveries are deleted after this; the audit log and the reports stay",
    )
    claim_limit: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="bound on wronging an honest buyer, over all photos of one claim",
    )
    miss_limit: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="largest miss bound with which a report is settled as not established without a person; a tenant "
        "may choose its own",
    )
    single_merchant: bool = Field(
        default=False,
        description="this installation is one merchant's own: photos that the merchant uploads may be judged without a "
        "person and reach a buyer's record; off, only those from the platform or the buyer",
    )
    allow_private_webhooks: bool = Field(
        default=False,
        description="let webhooks go to private and local addresses; for tests and closed networks",
    )
    smtp_url: SecretStr = Field(
        default=SecretStr(""),
        description="mail server for notices: smtp://USER:PASSWORD@HOST:587 (STARTTLS) or smtps://…:465; without one, "
        "there is no e-mail",
    )
    mail_from: str = Field(default="", description="the address that notices come from")
    oidc_issuer: str = Field(
        default="",
        description="an OpenID Connect provider that people log in by, such as https://id.example.com",
    )
    oidc_client_id: str = Field(default="", description="what it calls this service")
    oidc_client_secret: SecretStr = Field(default=SecretStr(""), description="the secret that goes with it")
    demo: bool = Field(
        default=True,
        description="make and print a demo key, mirror sample refunds, and let visitors in without a key, all in a "
        "tenant of their own; off: everything is behind /login",
    )
    max_images: int = Field(default=16, ge=1, le=16, description="pictures in one request; the contract's 16")
    max_request_bytes: int = Field(
        default=64 * MEGABYTE,
        ge=1,
        description="body of one request: sixteen phone photos of 4 MB, the size of a 12-megapixel JPEG",
    )
    max_waiting: int = Field(
        default=64, ge=1, description="pictures admitted and unanswered; four full requests, then 503"
    )
    max_waiting_bytes: int = Field(
        default=256 * MEGABYTE,
        ge=1,
        description="bodies admitted and unanswered, as declared: they lie in memory; four full requests, then 503",
    )
    deadline_ms: int = Field(
        default=60_000, ge=1, description="how long a caller without X-Deadline-Ms waits, in milliseconds"
    )
    upload_timeout: float = Field(
        default=60.0,
        gt=0,
        description="a body that takes longer to arrive is given up: 1 MB/s for a full one",
    )
    min_upload_rate: int = Field(
        default=16_384,
        ge=0,
        description="bytes a second at which a body must arrive, after its first 5 s; slower ones are given up, since "
        "they hold memory. A photo of 4 MB over the worst mobile network; 0 for any rate",
    )
    photos_per_day: int = Field(
        default=20_000,
        ge=0,
        description="photos that merchants and visitors may have judged in a day, of which each key has half and each "
        "tenant three quarters; adjudicators, engineers and admins have no such limit. 0 for none",
    )
    variants_per_day: int = Field(
        default=16,
        ge=0,
        description="different photos of one picture that a merchant or visitor may have judged in a day, so that "
        "nobody finds out by trying what is not caught. 0 for no limit",
    )
    json_values: int = Field(
        default=2_000_000,
        ge=0,
        description="values of JSON read in a minute, of all callers together; each has a share. A refund with its "
        "photos has two hundred at most; 0 for no limit",
    )
    refusals_per_second: int = Field(
        default=80,
        ge=0,
        description="requests refused in a second, of all callers together, before their answers are held back; "
        "each has a share, an address an eighth. 0 for no limit",
    )
    max_connections: int = Field(
        default=2_000,
        ge=0,
        description="open connections; then the one that idles longest goes. 0 for no limit",
    )
    connections_per_address: int = Field(
        default=128, ge=0, description="open connections of one address; 0 for no limit"
    )
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default_factory=lambda: ["127.0.0.1", "::1"],
        description="addresses of reverse proxies, separated by commas: what they say of their clients is believed, "
        "and they may have any number of connections",
    )
    rate_limit: int = Field(
        default=60_000,
        ge=0,
        description="photos a minute from one key, then 429; 0 for no limit. Far above what one machine judges: "
        "it stops a runaway script, admission does the rest",
    )
    cache_bytes: int = Field(
        default=32 * MEGABYTE,
        ge=0,
        description="answers held in memory for photos that come again, some 10,000; 0 has each photo judged anew",
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto",
        description="of the log on standard error; auto is text on a terminal and JSON elsewhere",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least of what is logged; a line for each request is info"
    )
    otlp_endpoint: str = Field(
        default="",
        validation_alias=AliasChoices("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="OpenTelemetry's own variables: where spans go (OTLP over HTTP); without one, none are made",
    )
    otel_disabled: bool = Field(default=False, validation_alias="OTEL_SDK_DISABLED")
    otel_exporter: str = Field(default="otlp", validation_alias="OTEL_TRACES_EXPORTER")
    keep_detections: int = Field(default=10_000, ge=1, description="stored results; the oldest goes first")

    @property
    def traces_wanted(self) -> bool:
        """Whether OpenTelemetry is configured."""
        return bool(self.otlp_endpoint) and self.otel_exporter != "none" and not self.otel_disabled

    @field_validator("api_keys", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [key.strip() for key in value.split(",") if key.strip()] if isinstance(value, str) else value


def read_settings(**given: Any) -> Settings:
    """The environment's settings; what is `given` and not None takes its place. Raises SettingsError."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        wrong = [f"{_variable(item['loc'])}: {item['msg']}" for item in error.errors()]
        raise SettingsError("; ".join(wrong)) from error


def trusted_signers(settings: Settings) -> str:
    """The certificates of the trust list, PEM, "" without one. Raises SettingsError."""
    if settings.trust_list is None:
        return ""
    try:
        text = settings.trust_list.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise SettingsError(f"REFUNDLENS_TRUST_LIST: {error}") from error
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise SettingsError(f"REFUNDLENS_TRUST_LIST: {settings.trust_list} holds no PEM certificate")
    try:
        names = _signers(text)
    except ValueError as error:
        raise SettingsError(f"REFUNDLENS_TRUST_LIST: {settings.trust_list} is damaged: {error}") from error
    if names:
        raise SettingsError(
            f"REFUNDLENS_TRUST_LIST: {names[0]} is a signer's own certificate, which the verifier does not go by: "
            "put the authority that issued it in its place"
        )
    return text


def _signers(text: str) -> list[str]:
    """Whose certificates of a list are no authority's. Raises ValueError."""
    from cryptography import x509

    found = []
    for one in x509.load_pem_x509_certificates(text.encode()):
        try:
            authority = one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except x509.ExtensionNotFound:
            authority = False
        found += [] if authority else [one.subject.rfc4514_string()]
    return found


def _variable(place: tuple[int | str, ...]) -> str:
    """The variable that a validation error is about."""
    name = ".".join(map(str, place)).upper()
    return name if name.startswith("OTEL_") else f"REFUNDLENS_{name}"


def environment(**changed: str) -> dict[str, str]:
    """The environment for a child process, with variables (as they are named there) that differ from ours."""
    return {**os.environ, **changed}
