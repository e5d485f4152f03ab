// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Controller;

/// <summary>Stores of sealed things, all with one key.</summary>
internal static class SealedStores
{
    public static SiteKey Key { get; } = new(new byte[32]);

    public static AuditLog Audit(ControllerDatabase database) =>
        new(database, new SecretStore(database, Key), NullLogger<AuditLog>.Instance);
}
