"""The names by which Kubernetes 1.36 lists its resources: one table, held against the kinds."""

import pytest

from minikctl.api.kinds import all_kinds

TABLE = """
configmaps                        cm        v1                               true   ConfigMap
endpoints                         ep        v1                               true   Endpoints
limitranges                       limits    v1                               true   LimitRange
persistentvolumeclaims            pvc       v1                               true   PersistentVolumeClaim            -               status
persistentvolumes                 pv        v1                               false  PersistentVolume                 -               status
resourcequotas                    quota     v1                               true   ResourceQuota                    -               status
secrets                           -         v1                               true   Secret
serviceaccounts                   sa        v1                               true   ServiceAccount                   -               token
services                          svc       v1                               true   Service                          all             proxy,status
mutatingadmissionpolicies         -         admissionregistration.k8s.io/v1  false  MutatingAdmissionPolicy          api-extensions
mutatingadmissionpolicybindings   -         admissionregistration.k8s.io/v1  false  MutatingAdmissionPolicyBinding   api-extensions
mutatingwebhookconfigurations     -         admissionregistration.k8s.io/v1  false  MutatingWebhookConfiguration     api-extensions
validatingadmissionpolicies       -         admissionregistration.k8s.io/v1  false  ValidatingAdmissionPolicy        api-extensions  status
validatingadmissionpolicybindings -         admissionregistration.k8s.io/v1  false  ValidatingAdmissionPolicyBinding api-extensions
validatingwebhookconfigurations   -         admissionregistration.k8s.io/v1  false  ValidatingWebhookConfiguration   api-extensions
customresourcedefinitions         crd,crds  apiextensions.k8s.io/v1          false  CustomResourceDefinition         api-extensions  status
apiservices                       -         apiregistration.k8s.io/v1        false  APIService                       api-extensions  status
horizontalpodautoscalers          hpa       autoscaling/v2                   true   HorizontalPodAutoscaler          all             status
horizontalpodautoscalers          hpa       autoscaling/v1                   true   HorizontalPodAutoscaler          all             status
certificatesigningrequests        csr       certificates.k8s.io/v1           false  CertificateSigningRequest        -               approval,status
leases                            -         coordination.k8s.io/v1           true   Lease
endpointslices                    -         discovery.k8s.io/v1              true   EndpointSlice
flowschemas                       -         flowcontrol.apiserver.k8s.io/v1  false  FlowSchema                       -               status
prioritylevelconfigurations       -         flowcontrol.apiserver.k8s.io/v1  false  PriorityLevelConfiguration       -               status
ingressclasses                    -         networking.k8s.io/v1             false  IngressClass
ingresses                         ing       networking.k8s.io/v1             true   Ingress                          -               status
ipaddresses                       ip        networking.k8s.io/v1             false  IPAddress
networkpolicies                   netpol    networking.k8s.io/v1             true   NetworkPolicy
servicecidrs                      -         networking.k8s.io/v1             false  ServiceCIDR                      -               status
runtimeclasses                    -         node.k8s.io/v1                   false  RuntimeClass
poddisruptionbudgets              pdb       policy/v1                        true   PodDisruptionBudget              -               status
clusterrolebindings               -         rbac.authorization.k8s.io/v1     false  ClusterRoleBinding
clusterroles                      -         rbac.authorization.k8s.io/v1     false  ClusterRole
rolebindings                      -         rbac.authorization.k8s.io/v1     true   RoleBinding
roles                             -         rbac.authorization.k8s.io/v1     true   Role
deviceclasses                     -         resource.k8s.io/v1               false  DeviceClass
resourceclaims                    -         resource.k8s.io/v1               true   ResourceClaim                    -               status
resourceclaimtemplates            -         resource.k8s.io/v1               true   ResourceClaimTemplate
resourceslices                    -         resource.k8s.io/v1               false  ResourceSlice
priorityclasses                   pc        scheduling.k8s.io/v1             false  PriorityClass
csidrivers                        -         storage.k8s.io/v1                false  CSIDriver
csinodes                          -         storage.k8s.io/v1                false  CSINode
csistoragecapacities              -         storage.k8s.io/v1                true   CSIStorageCapacity
storageclasses                    sc        storage.k8s.io/v1                false  StorageClass
volumeattachments                 -         storage.k8s.io/v1                false  VolumeAttachment                 -               status
volumeattributesclasses           vac       storage.k8s.io/v1                false  VolumeAttributesClass
"""


@pytest.mark.parametrize("line", TABLE.strip().splitlines())
def test_names(line: str) -> None:
    plural, short, version, namespaced, kind, *rest = line.split()
    categories, subresources = [*rest, "-", "-"][:2]
    (found,) = [k for k in all_kinds() if (k.plural, k.api_version) == (plural, version)]
    assert (found.kind, found.singular) == (kind, kind.lower())
    assert found.namespaced == (namespaced == "true")
    assert ",".join(found.short_names) == short.replace("-", "")
    assert ",".join(found.categories) == ("" if categories == "-" else categories)
    assert ",".join(sorted(found.subresources)) == ("" if subresources == "-" else subresources)
    assert found.verbs == ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
