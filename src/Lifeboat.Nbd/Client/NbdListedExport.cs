// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

public sealed record NbdListedExport(string Name, string Description);
