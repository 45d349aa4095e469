"""Pods as a careful cluster wants them: what Parsl's provider cannot say is added on the way to the API."""

from __future__ import annotations

import json
import math
import os
from http import HTTPStatus
from typing import Any, Final

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from openbeam_endpoint.providers.settings import Kubernetes

__all__ = ["Pods", "message", "user_of"]

_TMP: Final = "tmp"


def user_of(site: Kubernetes) -> int:
    """Return the user that pods run as.

    Raises
    ------
    ValueError
        When that would be root.

    """
    user = site.user or os.geteuid()
    if user == 0:
        raise ValueError("pods do not run as root: set `user` in [provider], or run the agent as another user")
    return user


def message(body: str) -> str:
    """Return the sentence in an answer of the API."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, LookupError, TypeError):
        return body


class Pods(client.CoreV1Api):  # type: ignore[misc]
    """The API's calls that Parsl makes, with hardened pods, and with pods that are gone counted as ended."""

    def __init__(self, site: Kubernetes) -> None:
        super().__init__()
        self._site = site

    def create_namespaced_pod(self, namespace: str, body: Any, **options: Any) -> Any:
        """Create a pod, hardened."""
        _harden(body, self._site)
        return super().create_namespaced_pod(namespace, body, **options)

    def read_namespaced_pod(self, name: str, namespace: str, **options: Any) -> Any:
        """Return a pod; one that somebody has deleted has failed. Parsl would count on it for ever."""
        try:
            return super().read_namespaced_pod(name, namespace, **options)
        except ApiException as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return client.V1Pod(status=client.V1PodStatus(phase="Failed"))

    def delete_namespaced_pod(self, name: str, namespace: str, **options: Any) -> Any:
        """Delete a pod that may be gone already."""
        try:
            return super().delete_namespaced_pod(name, namespace, **options)
        except ApiException as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return client.V1Status(status="Success")


def _harden(pod: Any, site: Kubernetes) -> None:
    spec = pod.spec
    pod.metadata.labels = {"app.kubernetes.io/name": "openbeam-endpoint", **(pod.metadata.labels or {})}
    spec.automount_service_account_token = False
    spec.enable_service_links = False
    spec.restart_policy = "Never"
    spec.active_deadline_seconds = site.deadline_seconds
    size = f"{math.ceil(site.scratch_gb * 1024)}Mi"
    tmp = client.V1Volume(name=_TMP, empty_dir=client.V1EmptyDirVolumeSource(size_limit=size))
    for volume in spec.volumes:
        volume.persistent_volume_claim.read_only = True
    spec.volumes = [*spec.volumes, tmp]
    for container in spec.containers:
        _harden_container(container)


def _harden_container(container: Any) -> None:
    # Parsl's own are there for nothing.
    container.ports, container.env = None, None
    for mount in container.volume_mounts:
        mount.read_only = True
    container.volume_mounts = [*container.volume_mounts, client.V1VolumeMount(name=_TMP, mount_path="/tmp")]  # noqa: S108
    context = container.security_context
    context.read_only_root_filesystem = True
    context.allow_privilege_escalation = False
    context.privileged = False
    context.capabilities = client.V1Capabilities(drop=["ALL"])
    context.seccomp_profile = client.V1SeccompProfile(type="RuntimeDefault")
